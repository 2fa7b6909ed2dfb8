-- How many public rooms of the root namespace there are, then the oldest of both kinds, each as
-- place, created, private, members, granted.
local user, limit = ARGV[1], tonumber(ARGV[2])

local found = { call('ZCARD', P .. 'public') }
for private, index in pairs({ ['0'] = 'public', ['1'] = 'private' }) do
  local oldest = limit > 0 and call('ZRANGE', P .. index, 0, limit - 1, 'WITHSCORES') or {}
  for n = 1, #oldest, 2 do
    local place = oldest[n]
    for _, field in ipairs({ place, oldest[n + 1], private,
      call('ZCARD', P .. 'order:' .. place),
      call('SISMEMBER', P .. 'grants:' .. place, user) }) do
      found[#found + 1] = field
    end
  end
end
return found
