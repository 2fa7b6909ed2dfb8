-- How many public rooms of the root namespace there are, and the oldest of both kinds.
local limit = tonumber(A.limit)

local rooms = {}
for private, index in pairs({ ['0'] = 'public', ['1'] = 'private' }) do
  local oldest = limit > 0 and call('ZRANGE', P .. index, 0, limit - 1, 'WITHSCORES') or {}
  for n = 1, #oldest, 2 do
    local place, created = oldest[n], oldest[n + 1]
    rooms[#rooms + 1] = {
      'place', place, 'created', created, 'private', private,
      'members', call('ZCARD', P .. 'order:' .. place),
      'granted', call('SISMEMBER', P .. 'grants:' .. place, A.user), 'member', 0,
    }
  end
end
return { 'total', call('ZCARD', P .. 'public'), 'rooms', rooms }
