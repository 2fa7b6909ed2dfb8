const WIDTH = 240;
const HEIGHT = 48;
const PAD = 3;

/** The last values as a line, the newest at the right; `slots` is how many fit. */
export function Sparkline({ values, slots, label }: { values: number[]; slots: number; label: string }) {
  const top = Math.max(...values, 1) * 1.15;
  const x = (i: number) => WIDTH - PAD - (values.length - 1 - i) * ((WIDTH - 2 * PAD) / (slots - 1));
  const y = (value: number) => HEIGHT - PAD - (value / top) * (HEIGHT - 2 * PAD);
  const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`);
  const last = values.at(-1);
  return (
    <svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label} preserveAspectRatio="none">
      <line x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
      {points.length > 1 && <polyline points={points.join(" ")} />}
      {last !== undefined && <path d={`M${x(values.length - 1)} ${y(last)}h.001`} />}
    </svg>
  );
}
