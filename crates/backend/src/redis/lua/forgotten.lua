-- The room has been taken from the user's: `entry` of `forget` is done, if it was done when nobody
-- could still be about to note the room who had entered it before `at`; else it waits to be done
-- once more.
if clock() - A.at / 1000 < tonumber(A.claim) then
  return 0
end
return call('ZREM', P .. 'forget', A.entry)

