-- Adds a holder. `entry` is open (a namespace, perhaps `announce`), create (as `private`), join
-- (perhaps `granted`), return, or restore (what was entered `since`: a room as `created` and
-- `private`, perhaps `granted`; and whether the user `holds_grant`, which a room that was lost gets back
-- while nodes may be `settling`).
local place, user, conn, entry = A.place, A.user, A.conn, A.entry
local incarnation, status = A.incarnation, A.status

if not is_alive(incarnation) then
  return { 'refused', 'fenced' }
end
if entry == 'restore' then
  local evicted = call('GET', member_key('evicted', place, user))
  if evicted and tonumber(evicted) > tonumber(A.since) then
    return { 'refused', 'not_a_member' }
  end
end

local note = A.alone == '1' and is_room(place)
if note and not may_note() then
  return { 'refused', 'too_many_rooms' }
end

local at, now = stamp(), clock()
local before = call('HGET', P .. 'info:' .. place, user)
local room = P .. 'room:' .. place

local function create(at_first)
  call('HSET', room, 'created', at_first, 'private', A.private)
  if string.sub(place, 1, 2) == '/#' then
    call('ZADD', P .. (A.private == '1' and 'private' or 'public'), at_first, place)
  end
  if entry == 'create' then
    call('SADD', P .. 'grants:' .. place, user)
  else
    call('HSET', room, 'restored', digits(now))
  end
  begin_log(place)
end

local function may_join(private)
  return private == '0' or A.granted == '1' or before
    or call('SISMEMBER', P .. 'grants:' .. place, user) == 1
end

if is_room(place) then
  local there, private = unpack(call('HMGET', room, 'created', 'private'))
  if not there then
    if entry ~= 'create' and entry ~= 'restore' then
      return { 'refused', 'no_room' }
    end
    create(entry == 'create' and at or A.created)
  elseif entry == 'create' then
    return { 'refused', 'room_exists' }
  elseif entry == 'return' and not before then
    return { 'refused', 'not_a_member' }
  elseif entry == 'join' or entry == 'restore' and there ~= A.created then
    -- Whoever thinks to be among a few is not brought before everybody.
    local exposed = entry == 'restore' and A.private == '1' and private == '0'
    if exposed or not may_join(private) then
      return { 'refused', 'not_authorized' }
    end
  end
end

if entry == 'restore' and A.holds_grant == '1' and created(place) == A.created then
  local restored = tonumber(call('HGET', room, 'restored') or 0)
  if now < restored + A.settling then
    call('SADD', P .. 'grants:' .. place, user)
  end
end

local live = member_key('live', place, user)
local came = call('EXISTS', live) == 0
call('SADD', live, incarnation .. ' ' .. conn)
call('SADD', P .. 'held:' .. incarnation, place .. '\n' .. user .. '\n' .. conn)
if came then
  call('ZREM', P .. 'due', place .. '\n' .. user)
end
if before then
  status = string.match(before, '^(%a+):')
else
  call('ZADD', P .. 'order:' .. place, at, user)
end
local info = status .. ':' .. A.username
if info ~= before then
  call('HSET', P .. 'info:' .. place, user, info)
end

-- After everything was lost: whoever is restored now was there all the time.
local function was_there()
  local born_at = tonumber(call('HGET', P .. 'state', 'born_at'))
  return tonumber(call('HGET', P .. 'sweep', 'from') or 0) > now
    or now < born_at + A.settling and tonumber(A.since) < born_at * 1000
end
local quiet = entry == 'restore' and was_there()
local loud = not before
if entry == 'open' then
  loud = came or A.announce == '1'
end
if quiet and not before then
  announce('restored', place, user, info, conn, now)
elseif loud then
  announce('entered', place, user, info, conn, now, before)
elseif before and info ~= before then
  announce('updated', place, user, info, conn, now)
end
if not is_room(place) then
  call('DEL', member_key('left', place, user))
elseif note then
  note_room(at)
end

local private = call('HGET', room, 'private')
if private == '1' then
  note_own(place, user)
end
local epoch, seq = unpack(call('HMGET', P .. 'head:' .. place, 'epoch', 'seq'))
return {
  'first', before and 0 or 1, 'at', at, 'created', created(place), 'private', tonumber(private or 0),
  'holds_grant', call('SISMEMBER', P .. 'grants:' .. place, user),
  'log_epoch', is_room(place) and epoch or '', 'log_seq', is_room(place) and seq or 0,
}
