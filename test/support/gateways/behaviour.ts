/** What goes wrong by chance, 0 to 1, drawn from the seed. Each gateway has its own. */
export type Behaviour = {
  seed: number
  /** Every payment is paid as soon as it is started, as with a saved card. */
  payAtOnce: boolean
  /** Of those that are paid. */
  decline: number
  /** Nothing was done, and the connection is cut. */
  dropBefore: number
  /** It was done, and the connection is cut. */
  dropAfter: number
  /** Nothing was done, and the gateway says 429, 500 or 503. */
  refuse: number
  /** The most that an answer is late, in ms. */
  delayMs: number
  /** The body comes in two halves, `delayMs` apart at most. */
  slow: number
  /** The event comes twice. */
  duplicate: number
  /** The event never comes. */
  lose: number
  /** The most that an event is late, in ms: later ones overtake it. */
  lateMs: number
  /** The event is sent before the answer is. */
  early: number
  /** A copy of the event comes first, changed by a byte after it was signed. */
  forge: number
  /** The event says another amount. */
  drift: number
  /** Refunds are on their way first, and fail or succeed when they are told to (`/__refunds`). */
  pendingRefunds: boolean
  refuseRefunds: number
  /** What the fake gateway keeps of what is captured, in hundredths of a percent; 0: it does not say. */
  feeBasisPoints: number
}

/** A gateway that does everything at once, once and right. */
export const wellBehaved: Behaviour = {
  seed: 1,
  payAtOnce: false,
  decline: 0,
  dropBefore: 0,
  dropAfter: 0,
  refuse: 0,
  delayMs: 0,
  slow: 0,
  duplicate: 0,
  lose: 0,
  lateMs: 0,
  early: 0,
  forge: 0,
  drift: 0,
  pendingRefunds: false,
  refuseRefunds: 0,
  feeBasisPoints: 0,
}

/** What goes wrong with one request, and with the events that it sets off. */
export type Fault = {
  /** Before it is done: its key is in use meanwhile. */
  delayMs?: number
  /** Once it is done, before it is answered: its key is in use meanwhile. */
  answerDelayMs?: number
  drop?: "before" | "after"
  /** Nothing is done: 409, 429 or 5xx in the gateway's own words. */
  status?: number
  /** Between the halves of the body. */
  slowBodyMs?: number
  early?: boolean
  /** How many more times each event comes. */
  duplicate?: number
  lose?: boolean
  /** How late its events are: what is asked meanwhile overtakes them. */
  lateMs?: number
  forge?: boolean
  drift?: boolean
}

/** A fault for the next requests (1 by default) whose `POST /v1/refunds` the expression fits; any, without one. */
export type Rule = { on?: string; times?: number; fault: Fault }

/** Numbers from 0 to 1 that a seed determines (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** How a gateway behaves: by its script first, else by chance. */
export class Mood {
  behaviour: Behaviour
  random: () => number
  #rules: Required<Rule>[] = []

  constructor(behaviour: Partial<Behaviour> = {}) {
    this.behaviour = { ...wellBehaved, ...behaviour }
    this.random = randomOf(this.behaviour.seed)
  }

  /** Changes how it behaves from now on; another seed begins anew. */
  behave(change: Partial<Behaviour>): void {
    if (change.seed !== undefined) this.random = randomOf(change.seed)
    this.behaviour = { ...this.behaviour, ...change }
  }

  /** Adds to what goes wrong next, in this order. */
  script(rules: readonly Rule[]): void {
    for (const { on = "", times = 1, fault } of rules) this.#rules.push({ on, times, fault })
  }

  /** Whether something of this chance happens now. */
  happens(chance: number): boolean {
    return chance > 0 && this.random() < chance
  }

  /** What goes wrong with this request. `line`: `POST /v1/refunds`. */
  fault(line: string): Fault {
    const rule = this.#rules.find(({ on }) => new RegExp(on).test(line))
    if (!rule) return this.#byChance()
    rule.times -= 1
    if (rule.times <= 0) this.#rules.splice(this.#rules.indexOf(rule), 1)
    return rule.fault
  }

  #byChance(): Fault {
    const { dropBefore, dropAfter, refuse, delayMs, slow, duplicate, lose, lateMs, early, forge } =
      this.behaviour
    const late = (most: number) => (most > 0 ? Math.floor(this.random() * most) : 0)
    if (this.happens(dropBefore)) return { drop: "before" }
    if (this.happens(refuse)) return { status: [429, 500, 503][late(3)] ?? 503 }
    return {
      delayMs: late(delayMs / 2),
      answerDelayMs: late(delayMs / 2),
      slowBodyMs: this.happens(slow) ? late(delayMs) : 0,
      early: this.happens(early),
      duplicate: this.happens(duplicate) ? 1 : 0,
      lose: this.happens(lose),
      lateMs: late(lateMs),
      forge: this.happens(forge),
      drift: this.happens(this.behaviour.drift),
      ...(this.happens(dropAfter) && { drop: "after" as const }),
    }
  }
}
