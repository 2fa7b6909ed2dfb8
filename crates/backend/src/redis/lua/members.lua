-- How many members there are; of the first ones the user, the time of entering and the info, each in
-- a list of its own, as names for each of them would double the reply.
local limit = tonumber(A.limit)
local key = P .. 'order:' .. A.place

local users, since, infos = {}, {}, {}
local order = limit > 0 and call('ZRANGE', key, 0, limit - 1, 'WITHSCORES') or {}
for n = 1, #order, 2 do
  users[#users + 1] = order[n]
  since[#since + 1] = order[n + 1]
end
-- Lua hands over some thousand arguments at most.
for first = 1, #users, 1000 do
  local last = math.min(first + 999, #users)
  local some = call('HMGET', P .. 'info:' .. A.place, unpack(users, first, last))
  for n = 1, last - first + 1 do
    infos[#infos + 1] = some[n] or 'online:'
  end
end
return {
  'total', call('ZCARD', key), 'created', created(A.place), 'users', users, 'since', since,
  'infos', infos,
}
