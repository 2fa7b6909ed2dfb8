-- A dead life holds nothing any more, in no partition.
return call('ZREM', P .. 'dead', ARGV[1])
