-- The generic cell rate algorithm: a bucket is one number, the time at which it will be full again.
-- Returns the microseconds to wait, 0 where the tokens were taken.
local key, each = P .. 'rate:' .. A.key, 1000000 / A.per_second

local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local full_at = math.max(tonumber(call('GET', key) or 0), now) + each * A.n
local wait = full_at - now - each * A.burst
if wait > 0 then
  return math.ceil(wait)
end
-- A full bucket is the same as none: it is forgotten when it would be full.
call('SET', key, digits(full_at), 'PX', math.ceil((full_at - now) / 1000))
return 0
