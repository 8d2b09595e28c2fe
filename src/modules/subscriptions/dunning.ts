/**
 * When a charge that failed at `now`, for the `attempts`th time, is tried again: `days` are those after the first
 * failure, so that what lies between two of them lies between two tries, even when one came late. `undefined`: no more.
 */
export function nextAttempt(
  now: Date,
  attempts: number,
  days: readonly number[],
): Date | undefined {
  const day = days[attempts - 1]
  const gap = day === undefined ? undefined : day - (days[attempts - 2] ?? 0)
  return gap === undefined ? undefined : new Date(now.getTime() + gap * 86_400_000)
}
