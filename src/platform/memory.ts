/** What this isolate holds of a cache: for a second or two, within a budget, the oldest going first. */
export type Memory = {
  /** The value under `key`, if it is of the last second, or of the last `maxMs`, and after the last `expire(tag)` here. */
  get<T>(key: string, tag: string, maxMs?: number): T | undefined
  /** `at`: when the value began to be read; `size`: what it takes, in characters or bytes, about. */
  set(key: string, tag: string, value: unknown, at: number, size: number): void
  expire(tag: string): void
  /** One load of a key at a time: who comes meanwhile gets its value too. */
  once<T>(key: string, tag: string, load: () => Promise<T>): Promise<T>
}

type Held = { tag: string; value: unknown; at: number; size: number }

/** How long an isolate may be behind a write that was made elsewhere, in milliseconds. */
const heldMs = 1000
/** Of an isolate's 128 MB; what takes more than an eighth of it is not held. */
const budget = 16_000_000
/** How long to wait for somebody else's load: their request may have been cancelled. */
const patienceMs = 2000

/** An empty memory. */
export function newMemory(): Memory {
  const held = new Map<string, Held>()
  const expired = new Map<string, number>()
  const loading = new Map<string, { tag: string; work: Promise<unknown> }>()
  let total = 0

  const drop = (key: string) => {
    total -= held.get(key)?.size ?? 0
    held.delete(key)
  }

  return {
    get<T>(key: string, tag: string, maxMs = heldMs) {
      const entry = held.get(key)
      if (!entry) return undefined
      const age = Date.now() - entry.at
      // A clock that was set back makes nothing younger.
      if (age >= 0 && age < maxMs && entry.at > (expired.get(tag) ?? -1)) return entry.value as T
      drop(key)
      return undefined
    },

    set(key, tag, value, at, size) {
      if (at <= (expired.get(tag) ?? -1) || size > budget / 8) return
      drop(key)
      held.set(key, { tag, value, at, size })
      total += size
      for (const oldest of held.keys()) {
        if (total <= budget) break
        drop(oldest)
      }
    },

    expire(tag) {
      expired.set(tag, Date.now())
      // Who comes now must not get what began to be read before.
      for (const [key, one] of loading) if (one.tag === tag) loading.delete(key)
    },

    async once<T>(key: string, tag: string, load: () => Promise<T>) {
      const other = loading.get(key)
      if (other) {
        const late = Symbol("late")
        const value = await Promise.race([other.work, after(patienceMs, late)])
        // `load` of one key answers one type.
        if (value !== late) return value as T
      }
      const work = load().finally(() => {
        if (loading.get(key)?.work === work) loading.delete(key)
      })
      loading.set(key, { tag, work })
      return work
    },
  }
}

function after<T>(ms: number, value: T): Promise<T> {
  return new Promise((resolve) => setTimeout(resolve, ms, value))
}
