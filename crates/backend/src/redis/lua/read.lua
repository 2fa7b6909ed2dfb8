-- A part of a log: 'after' a place, or the 'latest'.
local topic, which, after, limit = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local epoch, head = unpack(call('HMGET', P .. 'head:' .. topic, 'epoch', 'seq'))
if not epoch then
  return { '', '0', {} }
end

local entries = {}
if limit > 0 and which == 'after' then
  entries = call('XRANGE', P .. 'log:' .. topic, digits(after + 1) .. '-0', '+', 'COUNT', limit)
elseif limit > 0 then
  entries = call('XREVRANGE', P .. 'log:' .. topic, '+', '-', 'COUNT', limit)
end

local bodies = {}
for n, entry in ipairs(entries) do
  bodies[which == 'after' and n or #entries + 1 - n] = entry[2][2]
end
return { epoch, head, bodies }
