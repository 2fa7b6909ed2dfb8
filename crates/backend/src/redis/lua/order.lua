-- Appends an order to the log that all nodes follow.
order(A.order)
return 1
