/**
 * When a payment that failed `attempts` times, the first time at `failedAt`, is tried again: so many days after that
 * first time. `undefined`: no more.
 */
export function nextAttempt(
  failedAt: Date,
  attempts: number,
  days: readonly number[],
): Date | undefined {
  const day = days[attempts - 1]
  return day === undefined ? undefined : new Date(failedAt.getTime() + day * 86_400_000)
}
