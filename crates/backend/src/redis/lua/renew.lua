-- A log that lost its tail in a failover begins a new life beyond what was given out of it.
local topic, epoch, known, renewed = unpack(ARGV)

local head = P .. 'head:' .. topic
local now, seq = unpack(call('HMGET', head, 'epoch', 'seq'))
if now == epoch and tonumber(seq) < tonumber(known) then
  call('HSET', head, 'epoch', renewed, 'seq', known)
end
return 1
