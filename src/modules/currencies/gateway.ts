import type { RateSource } from "./exchange.ts"

/** The rates of one day: units of each currency for one of `base`, decimals. `asOf`: the instant they are of. */
export type DailyRates = { base: string; asOf: string; rates: ReadonlyMap<string, string> }

/** Somebody who publishes exchange rates. */
export interface RateProvider {
  name: Exclude<RateSource, "manual">
  /** The newest rates there are. @throws `unavailable`, or an Error for an answer that is not what it should be */
  latest(): Promise<DailyRates>
  /** How new its rates should be by `now`: an instant that the newest ones are of, or later. */
  expected(now: Date): string
}
