/** The units of time that periods are counted in. */
export const intervals = ["day", "week", "month", "year"] as const
export type Interval = (typeof intervals)[number]

/** How long a period is: `count` units. */
export type Cadence = { interval: Interval; count: number }

/** Where periods are counted from: period `number` begins at `at`, and every other one follows from that. */
export type Anchor = { at: Date; number: number }

/** One period: from `start` until just before `end`. */
export type Period = { number: number; start: Date; end: Date }

/**
 * The instant `n` periods after `anchor`, in UTC. Months are counted from the anchor, never from the period before, so
 * that nothing drifts: 31 January, 28 February, 31 March. The time of day stays.
 */
export function nth(anchor: Date, { interval, count }: Cadence, n: number): Date {
  const at = new Date(anchor)
  if (interval === "day" || interval === "week") {
    at.setUTCDate(at.getUTCDate() + n * count * (interval === "week" ? 7 : 1))
    return at
  }
  const months = n * count * (interval === "year" ? 12 : 1)
  const [year, month] = [at.getUTCFullYear(), at.getUTCMonth() + months]
  // Day 0 of the month after is the last day of this one.
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
  at.setUTCFullYear(year, month, Math.min(anchor.getUTCDate(), lastDay))
  return at
}

/** The period of this number. */
export function periodOf(anchor: Anchor, cadence: Cadence, number: number): Period {
  const n = number - anchor.number
  return { number, start: nth(anchor.at, cadence, n), end: nth(anchor.at, cadence, n + 1) }
}

/**
 * The period that is to be ordered now, of those from `from` on: the one that runs now (`skip`), or the first of them
 * (`each`), when the shop was away while others began. Asked too early it is the first.
 */
export function dueOf(
  anchor: Anchor,
  cadence: Cadence,
  from: number,
  now: Date,
  catchUp: "skip" | "each",
): Period {
  let period = periodOf(anchor, cadence, from)
  if (catchUp === "each") return period
  while (period.end <= now) period = periodOf(anchor, cadence, period.number + 1)
  return period
}

/**
 * When the customer is told of the next renewal, `days` before it; `undefined` where the period is no longer than
 * that: whoever gets something every day needs no letter every day.
 */
export function noticeAt({ start, end }: Pick<Period, "start" | "end">, days: number) {
  const at = new Date(end.getTime() - days * 86_400_000)
  return days > 0 && at > start ? at : undefined
}
