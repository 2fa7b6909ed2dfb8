//! The shared state and the relay: in memory for one node, on Redis for many, behind the kernel's ports.
