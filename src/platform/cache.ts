import type { Log } from "#platform/log.ts"
import { type Meter, timed } from "#platform/meter.ts"

/** How long a cached value may be served, in seconds since it was read: fresh as it is, then once more while it is reloaded. */
export type Lifetime = { fresh: number; stale: number }

type Entry<T> = { at: number; value: T }

/** Values kept in KV near the reader. Never for prices or stock at checkout, nor for anything of one person. */
export type Cache = {
  /**
   * The value under `key`, at most `stale` seconds old, else what `load` answers. A value read before the last
   * `expire(tag)` is not used. KV itself may be 30 s behind in other places.
   */
  read<T>(key: string, tag: string, lifetime: Lifetime, load: () => Promise<T>): Promise<T>
  /** Makes every value of this tag unusable from now on: at once here, within 30 s elsewhere. */
  expire(tag: string): Promise<void>
}

/** KV keeps an entry at least 60 s; its own edge copies at least 30 s (Cloudflare KV limits). */
const keptSeconds = 120
const edgeSeconds = 30

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
  async function store<T>(key: string, load: () => Promise<T>): Promise<T> {
    const at = Date.now()
    const value = await load()
    const entry: Entry<T> = { at, value }
    const put = kv.put(`cache:${key}`, JSON.stringify(entry), { expirationTtl: keptSeconds })
    defer(put.catch((error) => log.error("cache not filled", error, { key })))
    return value
  }

  return {
    async read<T>(
      key: string,
      tag: string,
      lifetime: Lifetime,
      load: () => Promise<T>,
    ): Promise<T> {
      if (bypass) return store(key, load)
      const [entry, expiredAt] = await timed(meter, "kv", () =>
        Promise.all([
          kv.get<Entry<T>>(`cache:${key}`, { type: "json", cacheTtl: edgeSeconds }),
          kv.get(`expired:${tag}`, { cacheTtl: edgeSeconds }),
        ]),
      )
      if (!entry || entry.at <= Number(expiredAt ?? 0)) return store(key, load)
      const age = (Date.now() - entry.at) / 1000
      if (age > lifetime.stale) return store(key, load)
      if (age > lifetime.fresh)
        defer(store(key, load).catch((error) => log.error("cache not reloaded", error, { key })))
      return entry.value
    },

    async expire(tag) {
      // KV takes one write a second for a key; one that is refused costs freshness up to the lifetime, nothing else.
      await timed(meter, "kv", () =>
        kv.put(`expired:${tag}`, String(Date.now()), { expirationTtl: keptSeconds }),
      ).catch((error) => log.error("cache not expired", error, { tag }))
    },
  }
}
