-- The first candidate is the secret.
call('SETNX', P .. 'secret:' .. ARGV[1], ARGV[2])
return call('GET', P .. 'secret:' .. ARGV[1])
