import type { StepRounding } from "#lib/money.ts"
import { iso, secondsAfter } from "#lib/time.ts"

import {
  type Conversion,
  crossRate,
  parseRate,
  type Rate,
  type RateSource,
  rateText,
  withMargin,
} from "./exchange.ts"
import type { QuotedRate } from "./model.ts"

/** How a currency is converted into, as the shop has it. */
type Terms = {
  code: string
  source: RateSource
  increment: number
  rounding: StepRounding
  maxAgeHours: number
  marginBasisPoints: number
}

/** A rate as its source tells it: units of `currency` for one of `base`. */
type Told = { source: RateSource; base: string; currency: string; rate: string; asOf: string }

/** A rate that is new enough, with the margin of its currency. */
export type InForce = { conversion: Conversion; quoted: QuotedRate }

/**
 * What amounts in `base` are converted into a currency by now; `undefined` where no rate is new enough. A source that
 * tells rates of a third currency has the two crossed, and is as old as the older of them.
 */
export function quotedRate(
  terms: Terms,
  rates: readonly Told[],
  base: string,
  now: Date,
): InForce | undefined {
  const found = between(
    rates.filter(({ source }) => source === terms.source),
    base,
    terms.code,
  )
  if (!found || found.asOf < iso(secondsAfter(now, -3600 * terms.maxAgeHours))) return undefined
  const { code: currency, increment, rounding } = terms
  const rate = withMargin(found.rate, terms.marginBasisPoints)
  if (rate === 0n) return undefined
  return {
    conversion: { base, currency, rate, increment, rounding },
    quoted: { base, rate: rateText(rate), as_of: found.asOf, source: terms.source },
  }
}

function between(
  rates: readonly Told[],
  base: string,
  currency: string,
): { rate: Rate; asOf: string } | undefined {
  const direct = rates.find((one) => one.base === base && one.currency === currency)
  const directly = direct && parseRate(direct.rate)
  if (direct && directly) return { rate: directly, asOf: direct.asOf }
  const inverse = rates.find((one) => one.base === currency && one.currency === base)
  const inversely = inverse && parseRate(inverse.rate)
  if (inverse && inversely) return { rate: crossRate(inversely, unit), asOf: inverse.asOf }
  for (const to of rates.filter((one) => one.currency === currency)) {
    const from = rates.find((one) => one.base === to.base && one.currency === base)
    const [toRate, fromRate] = [parseRate(to.rate), from && parseRate(from.rate)]
    if (!from || !toRate || !fromRate) continue
    return {
      rate: crossRate(fromRate, toRate),
      asOf: from.asOf < to.asOf ? from.asOf : to.asOf,
    }
  }
  return undefined
}

const unit = parseRate("1") ?? 1n
