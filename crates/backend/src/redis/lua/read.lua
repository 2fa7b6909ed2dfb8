-- A part of a log: `which` is 'after' a place, or the 'latest'.
local log, which, limit = P .. 'log:' .. A.topic, A.which, tonumber(A.limit)

local epoch, base, head = unpack(call('HMGET', P .. 'head:' .. A.topic, 'epoch', 'base', 'seq'))
local unsettled = is_closed() and 1 or 0
if epoch and tonumber(head) < floor() then
  unsettled = 1
end
if not epoch then
  return {
    'epoch', '', 'base', 0, 'head', 0, 'created', 0, 'unsettled', unsettled, 'bodies', {},
  }
end

local entries = {}
if limit > 0 and which == 'after' then
  entries = call('XRANGE', log, digits(A.after + 1) .. '-0', '+', 'COUNT', limit)
elseif limit > 0 then
  entries = call('XREVRANGE', log, '+', '-', 'COUNT', limit)
end

local bodies = {}
for n, entry in ipairs(entries) do
  bodies[which == 'after' and n or #entries + 1 - n] = entry[2][2]
end
return {
  'epoch', epoch, 'base', base, 'head', head, 'created', created(A.topic), 'unsettled', unsettled,
  'bodies', bodies,
}
