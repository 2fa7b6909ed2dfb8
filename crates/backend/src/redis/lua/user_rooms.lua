-- Before the scripts that note a room with its user, whose rooms are in this partition.

-- The key of the user's rooms, and the room's name among them.
local function user_rooms()
  local online, room = string.match(A.place, '^([^#]*)#(.*)$')
  return P .. 'rooms:' .. online .. '\n' .. A.user, room
end

-- Whether it is one of them, or may be one more of `most`.
local function may_note()
  local rooms, room = user_rooms()
  return call('HEXISTS', rooms, room) == 1 or call('HLEN', rooms) < tonumber(A.most)
end

-- As entered `at`, unless it was entered later as well.
local function note_room(at)
  local rooms, room = user_rooms()
  local known = call('HGET', rooms, room)
  if not known or tonumber(known) < tonumber(at) then
    call('HSET', rooms, room, at)
  end
end
