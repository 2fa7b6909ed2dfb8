// What a payload must contain, said by example.

/** Whether `value` has everything that `pattern` has; a pattern may be a function or a RegExp. */
export function matches(value, pattern) {
  if (pattern === undefined) return true;
  if (typeof pattern === "function") return Boolean(pattern(value));
  if (pattern instanceof RegExp) return pattern.test(value);
  if (pattern === null || typeof pattern !== "object") return Object.is(value, pattern);
  if (value === null || typeof value !== "object") return false;
  return Object.keys(pattern).every((key) => matches(value[key], pattern[key]));
}

/** RFC 3339, UTC, milliseconds. */
export const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
