// All pages: a folder and a line each.
import { computed, type ReadonlySignal } from "@preact/signals";
import type { FunctionComponent } from "preact";
import { unreadTalks } from "./lib/chat";
import { myTurns } from "./lib/game";
import { unreadRooms } from "./lib/rooms";
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
}

/** Whoever looks at the game sees whose turn it is. */
const turnsElsewhere = computed(() => (place.value.page === "game" ? 0 : myTurns.value));

export const pages: Page[] = [
  { name: "rooms", title: "Rooms", icon: "rooms", load: () => import("./pages/rooms"), badge: unreadRooms, badgeWord: "unread" },
  { name: "messages", title: "Messages", icon: "messages", load: () => import("./pages/messages"), badge: unreadTalks, badgeWord: "unread" },
  { name: "polls", title: "Polls", icon: "polls", load: () => import("./pages/polls") },
  { name: "whiteboard", title: "Board", icon: "whiteboard", load: () => import("./pages/whiteboard") },
  { name: "game", title: "Game", icon: "game", load: () => import("./pages/game"), badge: turnsElsewhere, badgeWord: "your turn" },
  { name: "people", title: "People", icon: "people", load: () => import("./pages/people") },
  { name: "lab", title: "Lab", icon: "lab", load: () => import("./pages/lab") },
];
