-- Appends an order to the log that all nodes follow.
local partition = string.match(P, '{p(%d+)}:$')
store('~presence:' .. partition, '{"k":"o"}', function() return A.order end)
return 1
