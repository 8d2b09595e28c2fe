/** Where something goes: an ISO 3166-1 alpha-2 country, and what narrows it; both may be empty. */
export type Destination = { country: string; state: string; postalCode: string }

/** A part of the world: a country, or `*` for all; of it a state, postal codes that begin so, or both; empty: all. */
export type Area = { country: string; state: string; postalPrefix: string }

/** The longest prefix of a postal code that areas are told apart by. */
export const longestPrefix = 10

/** A state as areas are compared by: upper-case, without spaces around. */
export function stateKey(state: string): string {
  return state.trim().toUpperCase()
}

/** A postal code as areas are compared by: upper-case letters and digits only. `SW1Y 4JH` → `SW1Y4JH` */
export function postalKey(code: string): string {
  return code.toUpperCase().replace(/[^A-Z0-9]/g, "")
}

/** The areas that a place lies in, as the values that a query asks for: countries, states, prefixes. */
export function areasOf({ country, state, postalCode }: Destination) {
  const postal = postalKey(postalCode).slice(0, longestPrefix)
  return {
    countries: [country, "*"],
    states: ["", stateKey(state)],
    prefixes: Array.from({ length: postal.length + 1 }, (_, length) => postal.slice(0, length)),
  }
}

/** How closely an area fits a place that lies in it: a longer postal prefix before a state before a country. */
export function closeness({ country, state, postalPrefix }: Area): number {
  return postalPrefix.length * 4 + (state === "" ? 0 : 2) + (country === "*" ? 0 : 1)
}
