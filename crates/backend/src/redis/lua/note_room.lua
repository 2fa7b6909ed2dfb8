-- Adds a room to a member's session, or takes it out.
if call('HEXISTS', P .. 'info:' .. A.place, A.user) == 1 then
  call(A.add == '1' and 'SADD' or 'SREM', member_key('session', A.place, A.user), A.room)
end
return 1
