// Where one is stands behind the `#`: `#/rooms/lobby`. The gateway serves one page at one address, and
// no address of a page can ever be taken for one of the gateway's (`/files/…`, `/api/…`).
import { signal } from "@preact/signals";

export interface Place {
  /** The page's name. */
  page: string;
  /** What it shows: a room, a board, a poll. */
  rest: string[];
}

export const START = "rooms";

export function parse(hash: string): Place {
  const [page = "", ...rest] = hash.replace(/^#?\/?/, "").split("/").filter(Boolean).map(decode);
  return { page: page || START, rest };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const address = (page: string, ...rest: string[]) => `#/${[page, ...rest].map(encodeURIComponent).join("/")}`;

export const place = signal<Place>(parse(location.hash));
addEventListener("hashchange", () => (place.value = parse(location.hash)));

export function go(page: string, ...rest: string[]): void {
  location.hash = address(page, ...rest);
}

/** Goes on at a better address: Back does not lead to this one. */
export function replace(page: string, ...rest: string[]): void {
  history.replaceState(history.state, "", address(page, ...rest));
  place.value = parse(location.hash);
}
