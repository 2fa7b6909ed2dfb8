-- Changes a record if it is the one that is `expected`, 0 for none: it has the `value` from now on, or is
-- removed if it `ends`. Its key, `record:<name>`, is a hash: version, value. All versions of a partition
-- are stamps, so none comes again, whatever became of the record. Of what is to be told, each `body` goes to its
-- `channel`; there are `tells` of them, numbered from 1.
if not is_alive(A.incarnation) then
  return { 'refused', 'fenced' }
end

local record = P .. 'record:' .. A.name
local version, value = unpack(call('HMGET', record, 'version', 'value'))
if (version or '0') ~= A.expected then
  return { 'done', 0, 'version', version or 0, 'value', value or '' }
end
local now = stamp()
if A.ends == '1' then
  call('DEL', record)
else
  call('HSET', record, 'version', now, 'value', A.value)
  call('PEXPIRE', record, A.keep)
end
for n = 1, tonumber(A.tells) do
  call('PUBLISH', A['channel' .. n], A['body' .. n])
end
return { 'done', 1, 'version', now }
