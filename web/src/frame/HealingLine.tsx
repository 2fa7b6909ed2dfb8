import { lasting, plural } from "../lib/format";
import type { Healing } from "../lib/session";
import { Time } from "../ui";

/** What an interruption cost, in words. */
export function HealingLine({ healing }: { healing: Healing }) {
  const { at, awayMs, from, to, missed, holes, anew } = healing;
  return (
    <span>
      <Time at={at} />, {lasting(awayMs)} long{from !== to && from ? `, from ${from} to ${to}` : ""}:{" "}
      {anew ? "too long to go on, began anew" : missed ? `${plural(missed, "message")} missed and recovered` : "nothing missed"}
      {holes.length > 0 && `; some could not be recovered in ${holes.join(", ")}`}
    </span>
  );
}
