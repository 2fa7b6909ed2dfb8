-- Gives or takes a grant; 0 where there is no such room.
if call('EXISTS', P .. 'room:' .. A.place) == 0 then
  return 0
end
call(A.granted == '1' and 'SADD' or 'SREM', P .. 'grants:' .. A.place, A.user)
note_own(A.place, A.user)
return 1
