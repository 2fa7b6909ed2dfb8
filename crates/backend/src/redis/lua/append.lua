-- Recognises a repeat, else stores and publishes a draft, to a room if it is the one `created` then.
-- `once` names the draft by its sender's choice, or is empty. The newest `keep` entries are kept, or where
-- `bytes` is not 0 all, up to so many entries and bytes; the log is deleted when nothing was added for the
-- `time`, if that is not 0. One that `clears` removes all before it. It counts `weight` bytes, and
-- `shared_weight` with the first of those that have `shared` in common, where that is not empty.
local topic = A.topic
local log, head = P .. 'log:' .. topic, P .. 'head:' .. topic

if not is_alive(A.incarnation) then
  return { 'refused', 'fenced' }
elseif is_closed() then
  return { 'refused', 'closed' }
elseif is_room(topic) and created(topic) ~= A.created then
  return { 'refused', created(topic) == 0 and 'no_room' or 'not_a_member' }
end

local once = A.once ~= '' and P .. 'once:' .. A.once
if once then
  local first = call('GET', once)
  if first then
    local epoch, seq = string.match(first, '^(.*)-(%d+)$')
    -- What was said in an earlier room of that name is not in this one's log.
    if tonumber(seq) > tonumber(call('HGET', P .. 'head:' .. topic, 'base') or 0) then
      return { 'epoch', epoch, 'seq', seq, 'repeated', 1 }
    end
  end
end

local bytes, clears, shared = tonumber(A.weight), A.clears == '1', P .. 'shared:' .. topic
if A.shared ~= '' and (clears or call('SISMEMBER', shared, A.shared) == 0) then
  bytes = bytes + tonumber(A.shared_weight)
end
local function is_full()
  local held = tonumber(call('HGET', head, 'bytes') or 0)
  return call('XLEN', log) >= tonumber(A.keep) or held + bytes > tonumber(A.bytes)
end
if A.bytes ~= '0' and not clears and is_full() then
  return { 'refused', 'full' }
end

local epoch, seq = store(topic, A.header, function(id, seq)
  return A.head .. '"id":"' .. id .. '","seq":' .. seq .. ',' .. A.tail
end)
if clears then
  call('XTRIM', log, 'MINID', seq)
  call('HSET', head, 'bytes', bytes)
  call('DEL', shared)
elseif A.bytes ~= '0' then
  call('HINCRBY', head, 'bytes', bytes)
end
if A.shared ~= '' and A.bytes ~= '0' then
  call('SADD', shared, A.shared)
end
if A.time ~= '0' then
  call('PEXPIRE', log, A.time)
  call('PEXPIRE', shared, A.time)
  call('PEXPIRE', head, A.time)
end
if once then
  call('SET', once, epoch .. '-' .. seq, 'PX', A.window)
end
return { 'epoch', epoch, 'seq', seq, 'repeated', 0 }
