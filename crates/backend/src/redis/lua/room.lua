-- One room: created, private, members, whether the user holds a grant; nothing where there is none.
local place, user = unpack(ARGV)

local created, private = unpack(call('HMGET', P .. 'room:' .. place, 'created', 'private'))
if not created then
  return false
end
return { created, private, call('ZCARD', P .. 'order:' .. place),
  call('SISMEMBER', P .. 'grants:' .. place, user) }
