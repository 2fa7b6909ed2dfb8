-- A part of a log: `which` is 'after' a place, or the 'latest'.
local log, which, limit = P .. 'log:' .. A.topic, A.which, tonumber(A.limit)

local epoch, head = unpack(call('HMGET', P .. 'head:' .. A.topic, 'epoch', 'seq'))
if not epoch then
  return { 'epoch', '', 'head', 0, 'bodies', {} }
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
return { 'epoch', epoch, 'head', head, 'bodies', bodies }
