-- A log that lost its tail in a failover begins a new life beyond what was given out of it.
local head = P .. 'head:' .. A.topic
local epoch, seq = unpack(call('HMGET', head, 'epoch', 'seq'))
if epoch == A.epoch and tonumber(seq) < tonumber(A.seq) then
  call('HSET', head, 'epoch', A.renewed, 'seq', A.seq)
end
return 1
