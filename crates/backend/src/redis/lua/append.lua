-- Recognises a repeat, else stores and publishes a draft.
-- `once` names the draft by its sender's choice, or is empty.
local topic = A.topic

if not is_alive(A.incarnation) then
  return { 'refused', 'fenced' }
elseif is_closed() then
  return { 'refused', 'closed' }
elseif is_room(topic) and call('EXISTS', P .. 'room:' .. topic) == 0 then
  return { 'refused', 'no_room' }
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

local epoch, seq = store(topic, A.header, function(id, seq)
  return A.head .. '"id":"' .. id .. '","seq":' .. seq .. ',' .. A.tail
end)
if once then
  call('SET', once, epoch .. '-' .. seq, 'PX', A.window)
end
return { 'epoch', epoch, 'seq', seq, 'repeated', 0 }
