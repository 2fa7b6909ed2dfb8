-- A dead life holds nothing any more, in no partition.
return call('ZREM', P .. 'dead', A.incarnation)
