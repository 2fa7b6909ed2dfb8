// All pages: a folder and a line each.
import { computed, type ReadonlySignal } from "@preact/signals";
import type { FunctionComponent } from "preact";
import { known, peer, unreadTalks } from "./lib/chat";
import { game, myTurns } from "./lib/game";
import { NEW, standingOf } from "./lib/polls";
import { unreadRooms } from "./lib/rooms";
import { EVERYONE } from "./lib/whispers";
import { place } from "./router";
import type { IconName } from "./ui/Icon";

export interface Page {
  /** In the address. */
  name: string;
  title: string;
  icon: IconName;
  load: () => Promise<{ default: FunctionComponent<{ rest: string[] }> }>;
  /** How many things wait there. */
  badge?: ReadonlySignal<number>;
  badgeWord?: string;
  /** What is said in the title of the window for what the address names, once that is known. */
  nameOf?: (id: string) => string | undefined;
}

const nameOfTalk = (key: string) => (key === EVERYONE ? "Everyone" : known.value ? peer(key).username : undefined);
const nameOfPoll = (id: string) => (id === NEW ? "New poll" : standingOf(id)?.poll.question);
const nameOfGame = (id: string) => (game.value?.id === id ? `Against ${game.value.opponent.username}` : undefined);

/** Whoever looks at the game sees whose turn it is. */
const turnsElsewhere = computed(() => (place.value.page === "game" ? 0 : myTurns.value));

export const pages: Page[] = [
  { name: "rooms", title: "Rooms", icon: "rooms", load: () => import("./pages/rooms"), badge: unreadRooms, badgeWord: "unread" },
  { name: "messages", title: "Messages", icon: "messages", load: () => import("./pages/messages"), badge: unreadTalks, badgeWord: "unread", nameOf: nameOfTalk },
  { name: "polls", title: "Polls", icon: "polls", load: () => import("./pages/polls"), nameOf: nameOfPoll },
  { name: "whiteboard", title: "Board", icon: "whiteboard", load: () => import("./pages/whiteboard") },
  { name: "game", title: "Game", icon: "game", load: () => import("./pages/game"), badge: turnsElsewhere, badgeWord: "your turn", nameOf: nameOfGame },
  { name: "people", title: "People", icon: "people", load: () => import("./pages/people") },
  { name: "lab", title: "Lab", icon: "lab", load: () => import("./pages/lab") },
];
