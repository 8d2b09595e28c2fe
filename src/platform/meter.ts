/** What one request cost: milliseconds of waiting by kind, D1 round trips (a batch is one) and rows D1 read. */
export type Meter = { readonly ms: Record<Waited, number>; d1Queries: number; d1RowsRead: number }

type Waited = "d1" | "kv" | "do" | "r2"

/** A meter that stands at zero. */
export function newMeter(): Meter {
  return { ms: { d1: 0, kv: 0, do: 0, r2: 0 }, d1Queries: 0, d1RowsRead: 0 }
}

/** Adds the time `work` takes to `meter.ms[kind]`. In production clocks move with I/O only, which is what is waited for. */
export async function timed<T>(meter: Meter, kind: Waited, work: () => Promise<T>): Promise<T> {
  const start = performance.now()
  try {
    return await work()
  } finally {
    meter.ms[kind] += performance.now() - start
  }
}
