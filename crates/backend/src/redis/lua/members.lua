-- How many members there are; of the first ones the user, the time of entering and the info, each in
-- a list of its own, as names for each of them would double the reply.
local limit = tonumber(A.limit)
local key = P .. 'order:' .. A.place

local users, since, infos = {}, {}, {}
local order = limit > 0 and call('ZRANGE', key, 0, limit - 1, 'WITHSCORES') or {}
for n = 1, #order, 2 do
  users[#users + 1] = order[n]
  since[#since + 1] = order[n + 1]
  infos[#infos + 1] = call('HGET', P .. 'info:' .. A.place, order[n]) or 'online:'
end
return { 'total', call('ZCARD', key), 'users', users, 'since', since, 'infos', infos }
