-- Counts a member once, and tells the counts.
if not is_alive(A.incarnation) then
  return { 'refused', 'fenced' }
end
local choices, closed, ends = unpack(call('HMGET', tally, 'choices', 'closed', 'ends'))
if not choices then
  return { 'cast', 'missing' }
elseif tonumber(A.choice) >= tonumber(choices) then
  return { 'cast', 'no_such_choice' }
elseif closed then
  return { 'cast', 'closed' }
elseif call('HSETNX', votes, A.member, A.choice) == 0 then
  return { 'cast', 'already' }
end
if call('HLEN', votes) == 1 then
  call('PEXPIREAT', votes, ends)
end
call('HINCRBY', tally, A.choice, 1)
local counts = counts_of(choices)
tell(counts)
return { 'cast', 'counted', 'counts', counts }
