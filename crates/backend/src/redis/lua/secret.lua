-- The first candidate is the secret.
local key = P .. 'secret:' .. A.name
call('SETNX', key, A.candidate)
return call('GET', key)
