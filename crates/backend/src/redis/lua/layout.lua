-- All nodes must agree on the number of partitions: returns the one that was there first.
call('SETNX', P .. 'partitions', A.partitions)
return tonumber(call('GET', P .. 'partitions'))
