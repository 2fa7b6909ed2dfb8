-- How many public rooms of the root namespace there are, and the oldest of them.
local limit = tonumber(A.limit)
local total = call('ZCARD', P .. 'public')
if total == 0 then
  return false
end
local rooms = limit > 0 and call('ZRANGE', P .. 'public', 0, limit - 1, 'WITHSCORES') or {}
return listing(rooms, total)
