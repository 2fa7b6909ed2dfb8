-- Closes a tally, and tells what was counted at last.
if not is_alive(A.incarnation) then
  return { 'refused', 'fenced' }
end
local choices = call('HGET', tally, 'choices')
local closed = choices and call('HSETNX', tally, 'closed', 1) or 0
if closed == 1 then
  tell(counts_of(choices))
end
return { 'there', choices and 1 or 0, 'closed', closed }
