import type { Log } from "#platform/log.ts"
import { type Memory, newMemory } from "#platform/memory.ts"
import { type Meter, timed } from "#platform/meter.ts"

/** How long a cached value may be served, in seconds since it was read: fresh as it is, then once more while it is reloaded. */
export type Lifetime = { fresh: number; stale: number }

type Entry<T> = { at: number; value: T }

/** Values kept near the reader. Never for prices or stock at checkout, nor for anything of one person. */
export type Cache = {
  /**
   * The value under `key`, at most `stale` seconds old, else what `load` answers, which many readers wait for together.
   * A value read before the last `expire(tag)` is not used. Memory may be a second behind in other isolates, KV 30 s in
   * other places.
   */
  read<T>(key: string, tag: string, lifetime: Lifetime, load: () => Promise<T>): Promise<T>
  /** The same for what never changes under its key, which names a version: kept for an hour, whoever asks. */
  remember<T>(key: string, load: () => Promise<T>): Promise<T>
  /** What this isolate holds under `key` for a second; nothing for who wants nothing from the cache. */
  held<T>(key: string, tag: string): T | undefined
  /** Holds it. `at`: when it began to be read, in ms; `size`: in bytes, about. */
  hold(key: string, tag: string, value: unknown, at: number, size: number): void
  /** Makes every value of this tag unusable from now on: at once here, within 30 s elsewhere. */
  expire(tag: string): Promise<void>
}

/** KV keeps an entry at least 60 s; its own edge copies at least 30 s (Cloudflare KV limits). */
const keptSeconds = 120
const edgeSeconds = 30
const rememberedSeconds = 3600

let memories = new WeakMap<KVNamespace, Memory>()

function memoryOf(kv: KVNamespace): Memory {
  const memory = memories.get(kv) ?? newMemory()
  memories.set(kv, memory)
  return memory
}

/** Empties what this isolate holds, as a new one would begin. */
export function forget(): void {
  memories = new WeakMap()
}

/** `bypass`: read nothing from the cache (the client said `no-cache`), but still fill it. */
export function openCache(
  kv: KVNamespace,
  {
    meter,
    log,
    defer,
    bypass,
  }: { meter: Meter; log: Log; defer: (work: Promise<unknown>) => void; bypass: boolean },
): Cache {
  const memory = memoryOf(kv)

  async function fill<T>(key: string, tag: string, kept: number, load: () => Promise<T>) {
    const at = Date.now()
    const value = await load()
    const entry: Entry<T> = { at, value }
    const text = JSON.stringify(entry)
    memory.set(key, tag, value, at, text.length)
    const put = kv.put(`cache:${key}`, text, { expirationTtl: kept })
    defer(put.catch((error) => log.error("cache not filled", error, { key })))
    return value
  }

  /** Loads and stores, even when the client goes away meanwhile: others may wait for it. */
  function store<T>(key: string, tag: string, kept: number, load: () => Promise<T>): Promise<T> {
    const work = memory.once(key, tag, () => fill(key, tag, kept, load))
    defer(work.catch(() => undefined))
    return work
  }

  return {
    async read<T>(
      key: string,
      tag: string,
      lifetime: Lifetime,
      load: () => Promise<T>,
    ): Promise<T> {
      if (bypass) return fill(key, tag, keptSeconds, load)
      const held = memory.get<T>(key, tag)
      if (held !== undefined) return held
      const [entry, expiredAt] = await timed(meter, "kv", () =>
        Promise.all([
          kv.get<Entry<T>>(`cache:${key}`, { type: "json", cacheTtl: edgeSeconds }),
          kv.get(`expired:${tag}`, { cacheTtl: edgeSeconds }),
        ]),
      )
      if (!entry || entry.at <= Number(expiredAt ?? 0)) return store(key, tag, keptSeconds, load)
      const age = (Date.now() - entry.at) / 1000
      if (age > lifetime.stale) return store(key, tag, keptSeconds, load)
      if (age > lifetime.fresh)
        defer(
          store(key, tag, keptSeconds, load).catch((error) =>
            log.error("cache not reloaded", error, { key }),
          ),
        )
      return entry.value
    },

    async remember<T>(key: string, load: () => Promise<T>): Promise<T> {
      const held = memory.get<T>(key, "", rememberedSeconds * 1000)
      if (held !== undefined) return held
      const entry = await timed(meter, "kv", () =>
        kv.get<Entry<T>>(`cache:${key}`, { type: "json", cacheTtl: rememberedSeconds }),
      )
      return entry ? entry.value : store(key, "", rememberedSeconds, load)
    },

    held: (key, tag) => (bypass ? undefined : memory.get(key, tag)),
    hold: (key, tag, value, at, size) => memory.set(key, tag, value, at, size),

    async expire(tag) {
      memory.expire(tag)
      // KV takes one write a second for a key; one that is refused costs freshness up to the lifetime, nothing else.
      await timed(meter, "kv", () =>
        kv.put(`expired:${tag}`, String(Date.now()), { expirationTtl: keptSeconds }),
      ).catch((error) => log.error("cache not expired", error, { tag }))
    },
  }
}
