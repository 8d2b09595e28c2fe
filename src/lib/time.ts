/** An instant as rows and the wire write it: ISO 8601, UTC, milliseconds. Sorts as text. */
export function iso(instant: Date): string {
  return instant.toISOString()
}

/** The instant `seconds` after (negative: before) `now`. */
export function secondsAfter(now: Date, seconds: number): Date {
  return new Date(now.getTime() + seconds * 1000)
}

/** The instant `minutes` after `now`. */
export function minutesAfter(now: Date, minutes: number): Date {
  return secondsAfter(now, minutes * 60)
}

/** The instant `days` of 24 hours after `now`. */
export function daysAfter(now: Date, days: number): Date {
  return secondsAfter(now, days * 86_400)
}
