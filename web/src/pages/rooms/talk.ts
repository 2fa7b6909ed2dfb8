// A room as a conversation.
import { computed } from "@preact/signals";
import type { Talk } from "../../conversation/talk";
import { me } from "../../lib/identity";
import { draft, keepDraft, markRead, sender, tellStopped, tellTyping, type Room } from "../../lib/rooms";

export const talkIn = (room: Room): Talk => ({
  name: room.name,
  title: `Messages in ${room.name}`,
  me,
  entries: room.entries,
  pending: computed(() => sender.shown(room.name)),
  read: room.read,
  unread: room.unread,
  typists: room.typists,
  markRead: () => markRead(room),
  say: (text) => sender.say(room.name, text),
  repeat: sender.repeat,
  discard: sender.discard,
  draft: () => draft(room.name),
  keepDraft: (text) => keepDraft(room.name, text),
  tellTyping: () => tellTyping(room),
  tellStopped: () => tellStopped(room),
});
