-- A part of a log: `which` is 'after' a place, or the 'latest'. One that may have lost something, of
-- which nobody can tell, is in its next life from now on: whoever reads is not to believe that it has
-- all.
local log, which, limit = P .. 'log:' .. A.topic, A.which, tonumber(A.limit)

local unsettled = is_closed() and 1 or 0
if unsettled == 0 then
  raise_log(A.topic)
end
local epoch, base, head = unpack(call('HMGET', P .. 'head:' .. A.topic, 'epoch', 'base', 'seq'))
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
