// What survives a reload. A browser may refuse to keep anything: then nothing does, and all else works.

function kept(open: () => Storage) {
  return {
    get<T>(key: string, otherwise: T): T {
      try {
        const text = open().getItem(`starling.${key}`);
        return text === null ? otherwise : (JSON.parse(text) as T);
      } catch {
        return otherwise;
      }
    },
    set(key: string, value: unknown): void {
      try {
        if (value === undefined || value === null) open().removeItem(`starling.${key}`);
        else open().setItem(`starling.${key}`, JSON.stringify(value));
      } catch {
        // Full or forbidden.
      }
    },
  };
}

/** Of this tab: who one is, what waits to be sent. Two tabs may be two people. */
export const tab = kept(() => sessionStorage);
/** Of this browser: rooms, drafts, what was read, how it looks. */
export const browser = kept(() => localStorage);
