-- Opens a tally, if there is none of that name; it ends after `keep`.
if not is_alive(A.incarnation) then
  return { 'refused', 'fenced' }
elseif call('EXISTS', tally) == 1 then
  return { 'opened', 0 }
end
local ends = digits(clock() + A.keep)
call('UNLINK', votes)
call('HSET', tally, 'data', A.data, 'choices', A.choices, 'ends', ends)
call('PEXPIREAT', tally, ends)
return { 'opened', 1 }
