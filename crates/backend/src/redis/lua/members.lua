-- How many members there are, then user, time of entering and info of the first ones.
local place, limit = ARGV[1], tonumber(ARGV[2])

local found = { call('ZCARD', P .. 'order:' .. place) }
if limit > 0 then
  local order = call('ZRANGE', P .. 'order:' .. place, 0, limit - 1, 'WITHSCORES')
  for n = 1, #order, 2 do
    found[#found + 1] = order[n]
    found[#found + 1] = order[n + 1]
    found[#found + 1] = call('HGET', P .. 'info:' .. place, order[n]) or 'online:'
  end
end
return found
