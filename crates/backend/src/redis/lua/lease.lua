-- Begins the lease of a life, after the `former` one, if any.
call('HDEL', P .. 'lives', A.former)
call('ZADD', P .. 'leases', digits(clock() + A.lease), A.incarnation)
call('HSET', P .. 'lives', A.incarnation, server())
return 1
