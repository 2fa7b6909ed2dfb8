// Waiting: always for something, never for ever.

import { setTimeout as delay } from "node:timers/promises";

/** How long anything that should simply happen may take. */
export const PATIENCE = 10_000;

/** Asks `condition` until it says something truthy, and returns that. */
export async function until(condition, what, within = PATIENCE) {
  const deadline = performance.now() + within;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (performance.now() > deadline) throw new Error(`not within ${within} ms: ${what}`);
    await delay(10);
  }
}

/**
 * For what must *not* happen: `condition` has to hold all the time, for `during` ms. It is the only
 * wait that always takes its time, so prefer a later event as proof that an earlier one was not sent.
 */
export async function holds(condition, what, during = 400) {
  const end = performance.now() + during;
  while (performance.now() < end) {
    if (!(await condition())) throw new Error(`did not hold for ${during} ms: ${what}`);
    await delay(10);
  }
}

/** `promise`, or an error that says what was waited for. */
export function within(promise, what, ms = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
