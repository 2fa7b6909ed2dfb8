-- Recognises a repeat, else stores and publishes a draft, to a room if it is the one `created` then.
-- `once` names the draft by its sender's choice, or is empty.
local topic = A.topic

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

local epoch, seq = store(topic, A.header, function(id, seq)
  return A.head .. '"id":"' .. id .. '","seq":' .. seq .. ',' .. A.tail
end)
if once then
  call('SET', once, epoch .. '-' .. seq, 'PX', A.window)
end
return { 'epoch', epoch, 'seq', seq, 'repeated', 0 }
