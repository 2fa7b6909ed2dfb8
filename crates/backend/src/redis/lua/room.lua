-- One room; nothing where there is none.
local created, private = unpack(call('HMGET', P .. 'room:' .. A.place, 'created', 'private'))
if not created then
  return false
end
return {
  'place', A.place, 'created', created, 'private', private,
  'members', call('ZCARD', P .. 'order:' .. A.place),
  'granted', call('SISMEMBER', P .. 'grants:' .. A.place, A.user),
  'member', call('HEXISTS', P .. 'info:' .. A.place, A.user),
}
