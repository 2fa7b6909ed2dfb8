import { effect, type ReadonlySignal } from "@preact/signals";

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Until `is` holds, and no longer than `ms`. */
export async function pauseUntil(is: ReadonlySignal<boolean>, ms: number): Promise<void> {
  let stop = () => {};
  const held = new Promise<void>((resolve) => (stop = effect(() => void (is.value && resolve()))));
  await Promise.race([held, pause(ms)]);
  stop();
}
