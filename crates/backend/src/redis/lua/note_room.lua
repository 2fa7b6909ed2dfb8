-- Adds a room to a member's session, or takes it out.
local place, user, room, add = unpack(ARGV, 4)

if call('HEXISTS', P .. 'info:' .. place, user) == 1 then
  call(add == '1' and 'SADD' or 'SREM', member_key('session', place, user), room)
end
return 1
