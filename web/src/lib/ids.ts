// Ids, and what is made from them: the same person looks the same on every page.

/** For `clientId`s and a guest's secret. Not `randomUUID`: that needs HTTPS. */
export function newId(bytes = 12): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A number that looks random and is always the same for `text` (FNV-1a). */
function fingerprint(text: string): number {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193) >>> 0;
  return hash;
}

/** Steps of 15 degrees: neighbours are told apart. The high bits, as the low ones say little of a short id. */
export const hue = (id: string) => ((fingerprint(id) >>> 12) % 24) * 15;

/** Two letters at most; `name` is what they can be read in. */
export function initials(name: string): string {
  const words = name.split(/[\s._-]+/u).filter((word) => /^[\p{L}\p{N}]/u.test(word));
  const letters = words.length > 1 ? [words[0]!, words.at(-1)!] : [words[0] ?? name];
  return letters.map((word) => [...word][0] ?? "?").join("").toUpperCase() || "?";
}
