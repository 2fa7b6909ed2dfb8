-- Begins the lease of a life.
call('ZADD', P .. 'leases', digits(clock() + A.lease), A.incarnation)
call('HSET', P .. 'lives', A.incarnation, server())
return 1
