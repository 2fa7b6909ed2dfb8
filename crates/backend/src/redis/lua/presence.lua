-- Before every script that may change who is in a place, or may enter one.
--
-- Its arguments: `epoch` of a log if it is new, `keep` entries in the log of transitions, `grace`,
-- for how long it is remembered how far the logs of dead rooms had come (`past`), and whether this
-- partition is `alone`: then every user is in the one of its rooms. Of a place there are
--   order:<place>          zset   user -> when entered
--   info:<place>           hash   user -> "<status>:<username>"
--   live:<place>\n<user>   set    "<incarnation> <conn>", the connections that hold the user there
--   evicted:<place>\n<user>       when the user was evicted; forgotten after a while
-- of a room also
--   room:<place>           hash   created, private, restored (when it was created anew)
--   grants:<place>         set    users
--   past:<place>                  how far the log of the last room of that name had come
-- of a namespace also
--   rooms:<place>\n<user>  hash   room -> when last entered or noted
--   left:<place>\n<user>          the rooms, as JSON, when the last connection was lost
-- and of a partition
--   due                    zset   "<place>\n<user>" -> when the grace is over
--   held:<incarnation>     set    "<place>\n<user>\n<conn>"
--   lives                  hash   incarnation -> the server it began on, or "over"
--   forget                 zset   "<place>\n<user>\n<when>", perhaps "\nevicted": notes of rooms to be
--                                 taken from users' rooms -> when to carry them out
--   public, private        zset   room of the root namespace -> when created
--   own:<user>             zset   of the private ones those that the user holds a grant for or is a
--                                 member of -> when created
--   state                  hash   born, born_at, server, closed, floor, leap, stamp; `joined`: when a life
--                                 began last that follows none which was known here; while closed
--                                 `dumped`: how new the copy is
-- Neither places, users nor connections contain control characters. "When" is a stamp, in
-- microseconds, except for deadlines.
local GRACE = tonumber(A.grace)

local function json_list(texts)
  table.sort(texts)
  for n, text in ipairs(texts) do
    texts[n] = cjson.encode(text)
  end
  return '[' .. table.concat(texts, ',') .. ']'
end

-- The rooms of a user, as they were when it was lost, if it was.
local function rooms_of(place, user)
  return call('GET', member_key('left', place, user))
    or json_list(call('HKEYS', member_key('rooms', place, user)))
end

-- Appends to the log that all nodes follow.
local function tell_all(header, json)
  store(followed_log(), header, function() return json end)
end

local function order(json)
  tell_all('{"k":"o"}', json)
end

-- For the user's connections elsewhere.
local function tell_move(place, user, body)
  if string.sub(place, 1, 2) == '/#' then
    local moves = string.gsub(P, '{p%d+}:$', '{moves}:')
    call('PUBLISH', moves .. 'ch:~moves:' .. user, body)
  end
end

-- Publishes a transition: a room's on the room and to the user's connections elsewhere, a namespace's in
-- the log that all nodes follow. `again`: of one who was a member before.
local function announce(kind, place, user, info, conn, at, again)
  local status, username = string.match(info, '^(%a+):(.*)$')
  local total = call('ZCARD', P .. 'order:' .. place) - (kind == 'left' and 1 or 0)
  local json = '{"kind":"' .. kind .. '","place":' .. cjson.encode(place)
    .. ',"member":{"user":' .. cjson.encode(user)
    .. ',"username":' .. cjson.encode(username)
    .. ',"status":"' .. status .. '"},"conn":' .. (conn and cjson.encode(conn) or 'null')
    .. (again and ',"again":true' or '')
    .. ',"at":' .. digits(at) .. ',"created":' .. created(place) .. ',"total":' .. total
    .. ',"rooms":' .. (is_room(place) and '[]' or rooms_of(place, user)) .. '}'
  local header = '{"k":"t"}'
  if is_room(place) then
    local body = '\n' .. header .. '\n' .. json
    call('PUBLISH', P .. 'ch:' .. place, body)
    tell_move(place, user, body)
  else
    tell_all(header, json)
  end
end

-- After anything that may have changed whether a user may enter a room without a voucher.
local function note_own(place, user)
  local created = call('ZSCORE', P .. 'private', place)
  if not created then
    return
  end
  local own = P .. 'own:' .. user
  if call('SISMEMBER', P .. 'grants:' .. place, user) == 1
    or call('HEXISTS', P .. 'info:' .. place, user) == 1 then
    call('ZADD', own, created, place)
  else
    call('ZREM', own, place)
  end
end

local function delete_room(place)
  local base, seq = unpack(call('HMGET', P .. 'head:' .. place, 'base', 'seq'))
  if seq and tonumber(seq) > floor() then
    call('SET', P .. 'past:' .. place, seq, 'PX', A.past)
  end
  if call('ZREM', P .. 'private', place) == 1 then
    for _, user in ipairs(call('SMEMBERS', P .. 'grants:' .. place)) do
      call('ZREM', P .. 'own:' .. user, place)
    end
  end
  for _, kind in ipairs({ 'room:', 'grants:', 'log:', 'head:' }) do
    call('UNLINK', P .. kind .. place)
  end
  call('ZREM', P .. 'public', place)
end

-- Removes a member with all that holds it, and a room with its last member. `lost`: when.
local function remove(place, user, lost, conn)
  local info = call('HGET', P .. 'info:' .. place, user)
  if not info then
    return false
  end
  local live = member_key('live', place, user)
  for _, holder in ipairs(call('SMEMBERS', live)) do
    local incarnation, held = string.match(holder, '^(%S+) (.*)$')
    call('SREM', P .. 'held:' .. incarnation, place .. '\n' .. user .. '\n' .. held)
  end
  announce('left', place, user, info, conn, lost)
  call('DEL', live, member_key('left', place, user))
  call('ZREM', P .. 'due', place .. '\n' .. user)
  call('HDEL', P .. 'info:' .. place, user)
  call('ZREM', P .. 'order:' .. place, user)
  if is_room(place) then
    note_own(place, user)
    if A.alone == '1' then
      call('HDEL', user_rooms(place, user))
    else
      call('ZADD', P .. 'forget', digits(clock()), place .. '\n' .. user .. '\n' .. stamp())
    end
    if call('EXISTS', P .. 'order:' .. place) == 0 then
      delete_room(place)
    end
  end
  return true
end

-- Removes a holder. The last one's member goes `now`, which is `true`, or 'after' the grace;
-- 'within' the grace also one whom this holder never held.
local function release(place, user, incarnation, conn, leave, now)
  local live = member_key('live', place, user)
  if call('SREM', live, incarnation .. ' ' .. conn) == 0 and leave ~= 'within' then
    return false
  end
  call('SREM', P .. 'held:' .. incarnation, place .. '\n' .. user .. '\n' .. conn)
  if call('EXISTS', live) == 1 then
    return false
  end
  if leave ~= 'after' then
    return remove(place, user, now, conn)
  end
  if not is_room(place) then
    call('SET', member_key('left', place, user), rooms_of(place, user))
    if place ~= '/' then
      announce('lost', place, user, call('HGET', P .. 'info:' .. place, user), conn, now)
    end
  end
  call('ZADD', P .. 'due', digits(now + GRACE), place .. '\n' .. user)
  return false
end

