/** Keeps the place of a list that is on its way. */
export function Skeleton({ rows = 4, label = "Loading" }: { rows?: number; label?: string }) {
  return (
    <div class="skeleton" role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} class="skeleton-row" aria-hidden="true">
          <span class="skeleton-dot" />
          <span class={`skeleton-line w${i % 3}`} />
        </div>
      ))}
    </div>
  );
}
