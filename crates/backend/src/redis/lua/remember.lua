-- Adds a room to the user's rooms, of which there may be `most`; entered `at`. Without `at`: only
-- asks whether there may be one more.
local rooms = member_key('rooms', A.place, A.user)

if not is_alive(A.incarnation) then
  return { 'refused', 'fenced' }
end
local known = call('HGET', rooms, A.room)
if not known and call('HLEN', rooms) >= tonumber(A.most) then
  return { 'refused', 'too_many_rooms' }
end
if A.at ~= '' and (not known or tonumber(known) < tonumber(A.at)) then
  call('HSET', rooms, A.room, A.at)
end
return { 'known', 1 }
