// Names that no other test uses: tests share a cluster, and presence is heard by everybody.

const run = Date.now().toString(36);
let count = 0;

/** A name that begins with `stem` and was never given out before. */
export const fresh = (stem) => `${stem}-${run}${(count++).toString(36)}`;
