-- A member's info and rooms; nothing where there is no such member.
local place, user = unpack(ARGV, 4)

local info = call('HGET', P .. 'info:' .. place, user)
if not info then
  return false
end
return { info, session_rooms(place, user) }
