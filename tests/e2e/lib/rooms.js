// Rooms with people in them.

import { fresh } from "./names.js";

/** A new room that all of `users` are in, the first as its creator; all has been heard by all. */
export async function roomOf(owner, ...others) {
  const roomName = fresh("room");
  await owner.ok("create-room", { roomName });
  for (const user of others) await user.ok("join-room", { roomName });
  const total = new Set([owner, ...others].map((user) => user.id)).size;
  if (others.length) {
    for (const user of [owner, ...others]) await user.next("room-members", { roomName, total });
  }
  return roomName;
}

/** Sends `texts` into the room one after the other, all acknowledged; returns the acknowledgements. */
export async function say(user, roomName, ...texts) {
  const answers = [];
  for (const text of texts) answers.push(await user.ok("room-message", { roomName, text }));
  return answers;
}

/** `n` texts that differ. */
export const texts = (n, stem = "text") => Array.from({ length: n }, (_, i) => `${stem} ${i}`);
