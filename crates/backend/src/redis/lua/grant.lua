-- Gives or takes a grant; 0 where there is no such room.
local place, user, granted = unpack(ARGV)

if call('EXISTS', P .. 'room:' .. place) == 0 then
  return 0
end
call(granted == '1' and 'SADD' or 'SREM', P .. 'grants:' .. place, user)
return 1
