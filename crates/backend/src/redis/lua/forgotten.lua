-- The room has been taken from the user's: `entry` of `forget` is done.
return call('ZREM', P .. 'forget', A.entry)
