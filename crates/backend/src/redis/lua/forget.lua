-- Takes a room from the user's rooms, unless it was entered after it was left (`at`).
local rooms = member_key('rooms', A.place, A.user)
local known = call('HGET', rooms, A.room)
if known and tonumber(known) <= tonumber(A.at) then
  call('HDEL', rooms, A.room)
end
return 1
