// Rooms with people in them.

import { fresh } from "./names.js";
import { until } from "./until.js";

/** A new room that all of `users` are in, the first as its creator; all has been heard by all. */
export async function roomOf(owner, ...others) {
  const roomName = fresh("room");
  await owner.ok("create-room", { roomName });
  for (const user of others) await user.ok("join-room", { roomName });
  const total = new Set([owner, ...others].map((user) => user.id)).size;
  if (others.length) {
    for (const user of [owner, ...others]) await user.next("room-members", { roomName, total });
  }
  for (const [i, { id: userId, username }] of others.entries()) {
    const before = [owner, ...others.slice(0, i)];
    if (before.some(({ id }) => id === userId)) continue;
    for (const user of before) {
      const announced = () => user.all("user-joined-room", { roomName, userId }).length > 0;
      await until(announced, `${user.username} hears that ${username} joined`);
    }
  }
  return roomName;
}

/**
 * Says something in the room and waits until the sender and all of `listeners` have heard it: what was
 * sent into the room before has then reached them, and what has not reached them was never sent.
 */
export async function fence(roomName, sender, ...listeners) {
  const text = fresh("fence");
  await sender.ok("room-message", { roomName, text });
  for (const user of [sender, ...listeners]) await user.next("room-message", { roomName, text });
}

/** The same for a whole namespace, where nobody needs to be in a room. */
export async function fenceAll(sender, ...listeners) {
  const fence = fresh("fence");
  await sender.ok("broadcast", { fence });
  for (const user of [sender, ...listeners]) await user.next("message", { fence });
}

/** Sends `texts` into the room one after the other, all acknowledged; returns the acknowledgements. */
export async function say(user, roomName, ...texts) {
  const answers = [];
  for (const text of texts) answers.push(await user.ok("room-message", { roomName, text }));
  return answers;
}

/** `n` texts that differ. */
export const texts = (n, stem = "text") => Array.from({ length: n }, (_, i) => `${stem} ${i}`);
