import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"

import { newMemory } from "#platform/memory.ts"

const start = Date.UTC(2026, 0, 1)

beforeEach(() => {
  vi.useFakeTimers({ now: start })
})
afterEach(() => {
  vi.useRealTimers()
})

describe("what an isolate holds", () => {
  it("is there for a second, or for as long as is asked", () => {
    const memory = newMemory()
    memory.set("list", "catalog", "old", start, 10)
    vi.setSystemTime(start + 999)
    expect(memory.get("list", "catalog")).toBe("old")
    vi.setSystemTime(start + 1000)
    expect(memory.get("list", "catalog", 5000)).toBe("old")
    expect(memory.get("list", "catalog")).toBeUndefined()
  })

  it("ends with a change, and does not come back by a read that began before it", () => {
    const memory = newMemory()
    memory.set("list", "catalog", "old", start, 10)
    memory.set("page", "other", "kept", start, 10)
    vi.setSystemTime(start + 5)
    memory.expire("catalog")
    expect(memory.get("list", "catalog")).toBeUndefined()
    expect(memory.get("page", "other")).toBe("kept")
    memory.set("list", "catalog", "late", start + 4, 10)
    expect(memory.get("list", "catalog")).toBeUndefined()
    memory.set("list", "catalog", "new", start + 6, 10)
    vi.setSystemTime(start + 7)
    expect(memory.get("list", "catalog")).toBe("new")
  })

  it("is not younger for a clock that was set back", () => {
    const memory = newMemory()
    memory.set("list", "catalog", "old", start, 10)
    vi.setSystemTime(start - 60_000)
    expect(memory.get("list", "catalog")).toBeUndefined()
  })

  it("stays within its budget: the oldest goes first, and what is too large is not held", () => {
    const memory = newMemory()
    for (let n = 0; n < 10; n++) memory.set(`list ${n}`, "catalog", n, start, 2_000_000)
    const held = Array.from({ length: 10 }, (_, n) => memory.get(`list ${n}`, "catalog"))
    expect(held.filter((one) => one !== undefined)).toEqual([2, 3, 4, 5, 6, 7, 8, 9])
    memory.set("large", "catalog", "large", start, 2_000_001)
    expect(memory.get("large", "catalog")).toBeUndefined()
    memory.set("list 9", "catalog", "smaller", start, 1)
    memory.set("list 10", "catalog", 10, start, 1_000_000)
    expect(memory.get("list 2", "catalog")).toBe(2)
  })
})

describe("many who want the same", () => {
  it("wait for one load, and fail with it", async () => {
    const memory = newMemory()
    let loads = 0
    const { promise, resolve } = Promise.withResolvers<string>()
    const load = () => {
      loads += 1
      return promise
    }
    const waiting = [1, 2, 3].map(() => memory.once("list", "catalog", load))
    resolve("read")
    expect(await Promise.all(waiting)).toEqual(["read", "read", "read"])
    expect(loads).toBe(1)
    const broken = () => Promise.reject(new Error("no database"))
    const failing = [1, 2].map(() => memory.once("list", "catalog", broken))
    const results = await Promise.allSettled(failing)
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"])
    expect(await memory.once("list", "catalog", () => Promise.resolve("again"))).toBe("again")
  })

  it("do not wait for a load that began before a change", async () => {
    const memory = newMemory()
    const first = Promise.withResolvers<string>()
    const before = memory.once("list", "catalog", () => first.promise)
    memory.expire("catalog")
    expect(await memory.once("list", "catalog", () => Promise.resolve("after"))).toBe("after")
    first.resolve("before")
    expect(await before).toBe("before")
  })

  it("load for themselves when nobody's load comes back", async () => {
    const memory = newMemory()
    void memory.once("list", "catalog", () => new Promise<string>(() => {}))
    const own = memory.once("list", "catalog", () => Promise.resolve("own"))
    await vi.advanceTimersByTimeAsync(2000)
    expect(await own).toBe("own")
  })
})
