-- Releases some of what a dead incarnation holds in this partition; returns how much is left.
local incarnation = A.incarnation

if is_unheard(call('HGET', P .. 'lives', incarnation)) then
  leap()
end
-- Before anything is released, so that nothing is entered behind our back.
call('HSET', P .. 'lives', incarnation, 'over')

local now = clock()
local held = P .. 'held:' .. incarnation
for _, one in ipairs(call('SRANDMEMBER', held, A.batch)) do
  local place, user, conn = string.match(one, '^(.-)\n(.-)\n(.*)$')
  release(place, user, incarnation, conn, 'after', now)
  call('SREM', held, one)
end
local left = call('SCARD', held)
if left == 0 then
  call('HDEL', P .. 'lives', incarnation)
end
return left

