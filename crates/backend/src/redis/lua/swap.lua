-- Changes a record if it is the one that is `expected`, 0 for none: it has the `value` from now on, or is
-- removed if it `ends`. Its key, `record:<name>`, is a hash: version, value. All versions of a partition
-- are stamps, so none comes again, whatever became of the record. What is to be told goes to the
-- `channel`, if there is one.
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
if A.channel ~= '' then
  call('PUBLISH', A.channel, A.body)
end
return { 'done', 1, 'version', now }
