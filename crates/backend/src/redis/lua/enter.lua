-- Adds a holder. `entry` is open (a namespace, perhaps `announce`), create (as `private`), join
-- (perhaps `granted`) or restore (as `private`).
local place, user, conn, entry = A.place, A.user, A.conn, A.entry
local incarnation, status = A.incarnation, A.status

-- Set by reaping: a frozen node that wakes up late must not leave ghosts.
if call('EXISTS', P .. 'dead:' .. incarnation) == 1 then
  return { 'refused', 'fenced' }
end

local now = clock()
local before = call('HGET', P .. 'info:' .. place, user)
local private = '0'

local function create()
  private = A.private
  call('HSET', P .. 'room:' .. place, 'created', digits(now), 'private', private)
  if string.sub(place, 1, 2) == '/#' then
    call('ZADD', P .. (private == '1' and 'private' or 'public'), now, place)
  end
  if entry == 'create' then
    call('SADD', P .. 'grants:' .. place, user)
  end
end

local function may_join()
  return private == '0' or A.granted == '1' or before
    or call('SISMEMBER', P .. 'grants:' .. place, user) == 1
end

if is_room(place) then
  local known = call('HGET', P .. 'room:' .. place, 'private')
  if known then
    private = known
  end
  if known and entry == 'create' then
    return { 'refused', 'room_exists' }
  elseif known and entry == 'join' and not may_join() then
    return { 'refused', 'not_authorized' }
  elseif not known and (entry == 'create' or entry == 'restore') then
    create()
  elseif not known then
    return { 'refused', 'no_room' }
  end
end

local live = member_key('live', place, user)
local came = call('EXISTS', live) == 0
call('SADD', live, incarnation .. ' ' .. conn)
call('SADD', P .. 'held:' .. incarnation, place .. '\n' .. user .. '\n' .. conn)
call('ZREM', P .. 'due', place .. '\n' .. user)
if before then
  status = string.match(before, '^(%a+):')
else
  call('ZADD', P .. 'order:' .. place, now, user)
end
local info = status .. ':' .. A.username
call('HSET', P .. 'info:' .. place, user, info)

local loud = not before
if not is_room(place) then
  loud = came or (entry == 'open' and A.announce == '1')
end
if loud then
  announce('entered', place, user, info, conn, now)
elseif info ~= before then
  announce('updated', place, user, info, conn, now)
end
return { 'first', before and 0 or 1, 'private', tonumber(private) }
