/** Numbers that a seed determines (mulberry32): the same seed makes the same choices. */
export type Random = {
  /** From 0 up to, not including, `below`. */
  whole(below: number): number
  chance(of: number): boolean
  oneOf<T>(things: readonly T[]): T
  /** One of the names, as often as its weight says. */
  weighted<N extends string>(weights: Record<N, number>): N
}

/** A source of choices. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const whole = (below: number) => Math.floor(next() * below)
  return {
    whole,
    chance: (of) => next() < of,
    oneOf: <T>(things: readonly T[]) => things[whole(things.length)] as T,
    weighted: <N extends string>(weights: Record<N, number>) => {
      const all = Object.entries(weights) as [N, number][]
      let left = next() * all.reduce((sum, [, weight]) => sum + weight, 0)
      for (const [name, weight] of all) {
        left -= weight
        if (left < 0) return name
      }
      return all[0]?.[0] as N
    },
  }
}
