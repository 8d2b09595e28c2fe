import { daysAfter, iso } from "#lib/time.ts"
import { call } from "#platform/call.ts"

import { parseRate } from "../exchange.ts"
import type { DailyRates, RateProvider } from "../gateway.ts"

/**
 * The European Central Bank's reference rates: about thirty currencies for one euro, on working days about 16:00 CET.
 * https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates
 */
export function ecb(url: string): RateProvider {
  return {
    name: "ecb",
    async latest() {
      const response = await call(
        "The European Central Bank",
        url,
        { method: "GET" },
        { form: "XML" },
      )
      if (!response.ok) throw new Error(`the rates' address answered ${response.status}`)
      return parseEcb(await response.text())
    },
    expected(now) {
      // 16:00 in Frankfurt is 14:00 or 15:00 UTC; some minutes later the file is there.
      let day = daysAfter(now, -15.5 / 24)
      while (day.getUTCDay() === 0 || day.getUTCDay() === 6) day = daysAfter(day, -1)
      return asOf(iso(day).slice(0, 10))
    },
  }
}

const tag = /<(?:[^<>"']|"[^"]*"|'[^']*')*>/g
const dayCube = /^<Cube time=(["'])(\d{4}-\d{2}-\d{2})\1\s*>$/
const rateCube = /^<Cube currency=(["'])([A-Z]{3})\1 rate=(["'])([\d.]+)\3\s*\/>$/
const ceremony =
  /^(?:<\?xml [^>]*\?>|<\/?gesmes:(?:Envelope|subject|Sender|name)(?: [^>]*)?>|<\/?Cube>)$/

/**
 * Reads the daily file, which has one day, and nothing else in that form. @throws Error for any other text: half a file,
 * a page about the file, a rate that is none
 */
export function parseEcb(xml: string): DailyRates {
  const rates = new Map<string, string>()
  const days: string[] = []
  const tags = xml.match(tag) ?? []
  for (const one of tags) {
    const [, , day] = dayCube.exec(one) ?? []
    const [, , currency, , rate] = rateCube.exec(one) ?? []
    if (day !== undefined) days.push(day)
    else if (currency !== undefined && rate !== undefined) {
      if (days.length !== 1) throw new Error("a rate outside of its day")
      if (parseRate(rate) === undefined) throw new Error(`${rate} is no rate of ${currency}`)
      if (rates.has(currency)) throw new Error(`two rates of ${currency}`)
      rates.set(currency, rate)
    } else if (!ceremony.test(one)) throw new Error(`${one.slice(0, 60)} is not of the daily file`)
  }
  const [day] = days
  const isWhole = tags.at(-1) === "</gesmes:Envelope>" && days.length === 1 && rates.size > 0
  if (!isWhole || day === undefined || !isDay(day)) throw new Error("not the whole daily file")
  return { base: "EUR", asOf: asOf(day), rates }
}

/** About when the rates of a day are published, at the earliest: they are never taken for newer than they are. */
function asOf(day: string): string {
  return `${day}T14:00:00.000Z`
}

function isDay(text: string): boolean {
  const day = new Date(`${text}T00:00:00.000Z`)
  return !Number.isNaN(day.getTime()) && iso(day).startsWith(text)
}
