import { env } from "cloudflare:workers"
import { describe, expect, it, vi } from "vitest"

import type { Event } from "#events.ts"
import type { Id } from "#lib/id.ts"
import { secondsAfter } from "#lib/time.ts"
import { commit } from "#platform/commit.ts"
import * as outbox from "#platform/outbox.ts"
import { deadLetters } from "#platform/tables.ts"
import { deliver, subscribers } from "#subscribers.ts"

import { ctx } from "../support/ctx.ts"
import { countOf, openEvents, rows } from "../support/shop.ts"

const noon = new Date("2099-03-01T12:00:00.000Z")
const later = (seconds: number) => secondsAfter(noon, seconds)
const changed = (productId = "prd_1"): Event => ({
  type: "catalog.changed",
  productId: productId as Id<"product">,
})

/** A queue that keeps what it is sent, and fails as often as it is told to. */
function queue(failures = 0) {
  let left = failures
  const sent: outbox.Message[][] = []
  const sendBatch = async (messages: { body: outbox.Message }[]) => {
    if (left-- > 0) throw new Error("Queue is down")
    sent.push(messages.map(({ body }) => body))
  }
  return { sent, binding: { sendBatch } as unknown as Queue<outbox.Message> }
}

/** Something committed with these events, at this time, into this queue. */
async function happen(events: Event[], now = noon, to = queue()) {
  const as = ctx({ now, events: to.binding })
  const n = await countOf("dead_letters")
  const row = { eventId: `evt_${now.getTime()}_${n}` as Id<"event">, event: changed() }
  await commit(as, [as.db.insert(deadLetters).values({ ...row, createdAt: "x" })], { events })
  await as.settled()
  return to
}

const dueTimes = async () =>
  (await rows<{ next_at: string }>("SELECT next_at FROM outbox ORDER BY id")).map(
    (row) => row.next_at,
  )

describe("an event", () => {
  it("is written with the change itself, and sent when it is committed", async () => {
    const { sent } = await happen([changed("prd_1"), changed("prd_2")])
    const written = await openEvents()
    expect(written.map(({ event }) => event)).toEqual([changed("prd_1"), changed("prd_2")])
    expect(sent).toEqual([written])
    expect(await dueTimes()).toEqual(["2099-03-01T12:00:30.000Z", "2099-03-01T12:00:30.000Z"])
  })

  it("of a change that fails is neither written nor sent", async () => {
    const to = queue()
    const as = ctx({ now: noon, events: to.binding })
    const twice = { eventId: "evt_1" as Id<"event">, event: changed(), createdAt: "x" }
    const insert = as.db.insert(deadLetters).values(twice)
    await expect(
      commit(as, [insert, as.db.insert(deadLetters).values(twice)], { events: [changed()] }),
    ).rejects.toThrow("UNIQUE constraint failed")
    await as.settled()
    expect(await countOf("outbox")).toBe(0)
    expect(await countOf("dead_letters")).toBe(0)
    expect(to.sent).toEqual([])
  })

  it("that the queue does not take is kept, and does not undo the change", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {})
    const { sent } = await happen([changed()], noon, queue(1))
    expect(sent).toEqual([])
    expect(await countOf("dead_letters")).toBe(1)
    expect(await openEvents()).toHaveLength(1)
  })
})

describe("the sweep", () => {
  const sweep = async (now: Date, to = queue()) => {
    await outbox.sweep(ctx({ now, events: to.binding }))
    return to.sent
  }

  it("sends what has been due for half a minute, then once a minute, and after five minutes every five", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {})
    await happen([changed()], noon, queue(1))
    const [message] = await openEvents()
    expect(await sweep(later(29))).toEqual([])
    expect(await sweep(later(30))).toEqual([[message]])
    expect(await sweep(later(31))).toEqual([])
    expect(await sweep(later(89))).toEqual([])
    expect(await sweep(later(90))).toEqual([[message]])
    for (const seconds of [150, 210, 270, 330])
      expect(await sweep(later(seconds))).toEqual([[message]])
    expect(await sweep(later(629))).toEqual([])
    expect(await sweep(later(630))).toEqual([[message]])
  })

  it("of ten at once sends nothing twice", async () => {
    await happen(Array.from({ length: 250 }, () => changed()))
    const to = queue()
    await Promise.all(Array.from({ length: 10 }, () => sweep(later(60), to)))
    const sent = to.sent.flat().map(({ id }) => id)
    expect([sent.length, new Set(sent).size]).toEqual([250, 250])
  })

  it("leaves what is done alone", async () => {
    await happen([changed()])
    const [message] = await openEvents()
    await deliver(ctx({ now: later(1) }), message!)
    expect(await sweep(later(3600))).toEqual([])
  })

  it("sends a hundred at a time, the longest due first", async () => {
    await happen(Array.from({ length: 60 }, () => changed("prd_old")))
    await happen(
      Array.from({ length: 60 }, () => changed("prd_new")),
      later(5),
    )
    const [first] = await sweep(later(100))
    expect(first).toHaveLength(100)
    const old = first?.filter(({ event }) => "productId" in event && event.productId === "prd_old")
    expect(old).toHaveLength(60)
    const [rest] = await sweep(later(100))
    expect(rest).toHaveLength(20)
    expect(await sweep(later(100))).toEqual([])
  })

  it("sends what the queue did not take a minute later", async () => {
    await happen([changed()])
    const [message] = await openEvents()
    await expect(sweep(later(60), queue(1))).rejects.toThrow("Queue is down")
    expect(await sweep(later(119))).toEqual([])
    expect(await sweep(later(120))).toEqual([[message]])
  })

  it("runs with the next commit too, for where no cron does", async () => {
    await happen([changed("prd_1")])
    const [lost] = await openEvents()
    const { sent } = await happen([changed("prd_2")], later(60))
    expect(sent).toHaveLength(2)
    expect(sent[1]).toEqual([lost])
  })
})

describe("delivering", () => {
  /** Adds a subscriber to `catalog.changed` that fails so many times. */
  function listener(failures: number) {
    let left = failures
    const heard: Event[] = []
    const all = subscribers["catalog.changed"]
    all["test"] = async (_, event) => {
      if (left-- > 0) throw new Error("not now")
      heard.push(event)
    }
    return { heard, [Symbol.dispose]: () => void delete all["test"] }
  }

  it("runs each subscriber of an event once, however often the message comes", async () => {
    using test = listener(0)
    await happen([changed()])
    const [message] = await openEvents()
    for (let n = 0; n < 3; n++) await deliver(ctx({ now: later(n) }), message!)
    expect(test.heard).toEqual([changed()])
    expect(await rows("SELECT subscriber FROM deliveries ORDER BY subscriber")).toEqual(
      Object.keys(subscribers["catalog.changed"])
        .toSorted()
        .map((subscriber) => ({ subscriber })),
    )
    expect(await openEvents()).toEqual([])
  })

  it("looks once at what is done already, and writes nothing", async () => {
    await happen([changed()])
    const [message] = await openEvents()
    await deliver(ctx({ now: later(1) }), message!)
    const before = await rows("SELECT * FROM outbox")
    const as = ctx({ now: later(2) })
    await deliver(as, message!)
    expect(as.meter.d1Queries).toBe(1)
    expect(await rows("SELECT * FROM outbox")).toEqual(before)
  })

  it("runs again only what failed, and is done when nothing does any more", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {})
    using test = listener(2)
    await happen([changed()])
    const [message] = await openEvents()
    const expire = vi.fn<(tag: string) => Promise<void>>(async () => {})
    const as = () => {
      const made = ctx({ now: later(1) })
      return { ...made, cache: { ...made.cache, expire } }
    }
    for (let n = 0; n < 2; n++) {
      await expect(deliver(as(), message!)).rejects.toThrow("1 subscribers")
      expect(await openEvents()).toHaveLength(1)
    }
    await deliver(as(), message!)
    expect(test.heard).toHaveLength(1)
    expect(expire.mock.calls).toEqual([["catalog"], ["search"]])
    expect(await openEvents()).toEqual([])
  })

  it("marks an event done that nobody follows", async () => {
    await happen([{ type: "order.status-changed", orderId: "ord_1" as never, from: "a", to: "b" }])
    const [message] = await openEvents()
    await deliver(ctx({ now: later(1) }), message!)
    expect(await rows("SELECT done_at FROM outbox")).toEqual([
      { done_at: "2099-03-01T12:00:01.000Z" },
    ])
  })
})

describe("what nobody could deliver", () => {
  it("is put aside once, and sent no more", async () => {
    await happen([changed()])
    await env.DB.exec("DELETE FROM dead_letters")
    const [message] = await openEvents()
    await outbox.bury(ctx({ now: later(60) }), message!)
    await outbox.bury(ctx({ now: later(90) }), message!)
    expect(await rows("SELECT event_id, created_at FROM dead_letters")).toEqual([
      { event_id: message?.id, created_at: "2099-03-01T12:01:00.000Z" },
    ])
    expect(await openEvents()).toEqual([])
  })
})

describe("cleaning up", () => {
  it("forgets what has been done for thirty days, and nothing else", async () => {
    const day = 86_400
    await happen([changed("prd_done")])
    const [done] = await openEvents()
    await deliver(ctx({ now: later(1) }), done!)
    await happen([changed("prd_open")], later(2))
    await outbox.purge(ctx({ now: later(30 * day) }))
    expect(await countOf("outbox")).toBe(2)
    expect(await countOf("deliveries")).toBe(2)
    await outbox.purge(ctx({ now: later(30 * day + 1) }))
    expect((await openEvents()).map(({ event }) => event)).toEqual([changed("prd_open")])
    expect(await countOf("outbox")).toBe(1)
    expect(await countOf("deliveries")).toBe(0)
  })
})
