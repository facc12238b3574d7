// A job's progress (docs/jobs.md) as figures. Pure functions.

export interface Figures {
  phase: string;
  rows: number | null;
  rowsTotal: number | null;
  bytes: number | null;
  bytesTotal: number | null;
  share: number | null; // null: the whole is not known
  rowsPerSecond: number | null;
  bytesPerSecond: number | null;
  secondsLeft: number | null;
  collections: { name: string; rows: number; rowsTotal: number | null; share: number | null }[];
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function shareOf(done: number | null, total: number | null): number | null {
  if (done === null || total === null) return null;
  return total <= 0 ? 1 : Math.min(1, done / total);
}

export function figuresOf(progress: Record<string, unknown> | null | undefined): Figures | null {
  if (!progress) return null;
  const rows = numberOf(progress['rows']);
  const rowsTotal = numberOf(progress['rows_total']);
  const bytes = numberOf(progress['bytes']);
  const bytesTotal = numberOf(progress['bytes_total']);
  const seconds = numberOf(progress['seconds']);
  const share = shareOf(rows, rowsTotal) ?? shareOf(bytes, bytesTotal);
  const rate = (value: number | null) => (value !== null && seconds !== null && seconds >= 1 ? value / seconds : null);
  const collections = Array.isArray(progress['collections']) ? progress['collections'] : [];
  return {
    phase: typeof progress['phase'] === 'string' ? progress['phase'] : '',
    rows,
    rowsTotal,
    bytes,
    bytesTotal,
    share,
    rowsPerSecond: rate(rows),
    bytesPerSecond: rate(bytes),
    // Below a hundredth nobody can tell.
    secondsLeft:
      share !== null && seconds !== null && seconds >= 1 && share >= 0.01 && share < 1 ? (seconds / share) * (1 - share) : null,
    collections: collections.map((each: Record<string, unknown>) => {
      const done = numberOf(each['rows']) ?? 0;
      const total = numberOf(each['rows_total']);
      return { name: String(each['name'] ?? ''), rows: done, rowsTotal: total, share: shareOf(done, total) };
    }),
  };
}
