//! The doors: Socket.IO and its tokens.
