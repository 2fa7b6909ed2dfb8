-- Ends a life before its lease does.
call('ZREM', P .. 'leases', A.incarnation)
call('ZADD', P .. 'dead', clock(), A.incarnation)
call('SET', P .. 'fenced:' .. A.incarnation, 1, 'PX', A.fence)
return 1
