-- Ends a life before its lease does.
call('ZREM', P .. 'leases', A.incarnation)
call('HDEL', P .. 'lives', A.incarnation)
call('ZADD', P .. 'dead', digits(clock()), A.incarnation)
return 1
