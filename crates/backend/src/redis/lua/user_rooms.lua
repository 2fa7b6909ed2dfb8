-- Before the scripts that note a room with its user, which is in this partition. Arguments: the room
-- (`place`), the `user`, and how many rooms it may be in (`most`).

-- Whether it is one of them, or may be one more.
local function may_note()
  local rooms, room = user_rooms(A.place, A.user)
  return call('HEXISTS', rooms, room) == 1 or call('HLEN', rooms) < tonumber(A.most)
end

-- As entered `at`, unless it was entered later as well.
local function note_room(at)
  local rooms, room = user_rooms(A.place, A.user)
  local known = call('HGET', rooms, room)
  if not known or tonumber(known) < tonumber(at) then
    call('HSET', rooms, room, at)
  end
end
