-- Before every script that may change who is in a place.
--
-- All of them are sent the `grace`, and the `epoch` and `keep` of the log of transitions. Of a place
-- there are
--   order:<place>          zset   user -> when entered
--   info:<place>           hash   user -> "<status>:<username>"
--   live:<place>\n<user>   set    "<incarnation> <conn>", the connections that hold the user there
--   session:<place>\n<user> set   rooms to come back to
-- of a room also
--   room:<place>           hash   created, private
--   grants:<place>         set    users
-- and of a partition
--   due                    zset   "<place>\n<user>" -> when the grace is over
--   held:<incarnation>     set    "<place>\n<user>\n<conn>"
--   public, private        zset   room of the root namespace -> when created
-- Neither places, users nor connections contain control characters.
local GRACE = tonumber(A.grace)

local function member_key(kind, place, user)
  return P .. kind .. ':' .. place .. '\n' .. user
end

local function session_rooms(place, user)
  local rooms = call('SMEMBERS', member_key('session', place, user))
  table.sort(rooms)
  return rooms
end

local function json_list(texts)
  for n, text in ipairs(texts) do
    texts[n] = cjson.encode(text)
  end
  return '[' .. table.concat(texts, ',') .. ']'
end

-- Publishes a transition: a room's on the room, a namespace's in the log that all nodes follow.
local function announce(kind, place, user, info, conn, at)
  local status, username = string.match(info, '^(%a+):(.*)$')
  local rooms = is_room(place) and {} or session_rooms(place, user)
  local json = '{"kind":"' .. kind .. '","place":' .. cjson.encode(place)
    .. ',"member":{"user":' .. cjson.encode(user)
    .. ',"username":' .. cjson.encode(username)
    .. ',"status":"' .. status .. '"},"conn":' .. (conn and cjson.encode(conn) or 'null')
    .. ',"at":' .. digits(at) .. ',"rooms":' .. json_list(rooms) .. '}'
  local header = '{"k":"t"}'
  if is_room(place) then
    call('PUBLISH', P .. 'ch:' .. place, '\n' .. header .. '\n' .. json)
  else
    local partition = string.match(P, '{p(%d+)}:$')
    store('~presence:' .. partition, header, function() return json end)
  end
end

local function delete_room(place)
  for _, kind in ipairs({ 'room:', 'grants:', 'log:', 'head:' }) do
    call('UNLINK', P .. kind .. place)
  end
  call('ZREM', P .. 'public', place)
  call('ZREM', P .. 'private', place)
end

-- Removes a member with all that holds it, and a room with its last member.
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
  call('DEL', live, member_key('session', place, user))
  call('ZREM', P .. 'due', place .. '\n' .. user)
  call('HDEL', P .. 'info:' .. place, user)
  call('ZREM', P .. 'order:' .. place, user)
  if is_room(place) and call('EXISTS', P .. 'order:' .. place) == 0 then
    delete_room(place)
  end
  return true
end

-- Removes a holder. The last one's member goes at once, which is `true`, or after the grace.
local function release(place, user, incarnation, conn, at_once, now)
  local live = member_key('live', place, user)
  if call('SREM', live, incarnation .. ' ' .. conn) == 0 then
    return false
  end
  call('SREM', P .. 'held:' .. incarnation, place .. '\n' .. user .. '\n' .. conn)
  if call('EXISTS', live) == 1 then
    return false
  end
  if at_once then
    return remove(place, user, now, conn)
  end
  call('ZADD', P .. 'due', now + GRACE, place .. '\n' .. user)
  return false
end

