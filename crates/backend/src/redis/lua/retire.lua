-- Ends a life before its lease does.
local incarnation, fence = unpack(ARGV)
call('ZREM', P .. 'leases', incarnation)
call('ZADD', P .. 'dead', clock(), incarnation)
call('SET', P .. 'fenced:' .. incarnation, 1, 'PX', fence)
return 1
