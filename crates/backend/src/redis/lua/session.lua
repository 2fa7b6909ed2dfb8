-- A member's info and rooms; nothing where there is no such member.
local info = call('HGET', P .. 'info:' .. A.place, A.user)
if not info then
  return false
end
return { 'info', info, 'rooms', session_rooms(A.place, A.user) }
