// The rules that are not kept, file by file, with what happens instead: `{ file: { rule: { why } } }`.
// `sometimes: true`: whether it fails is a matter of time, so that passing is reported and no failure.

export const EXPECTED_FAILURES = {};
