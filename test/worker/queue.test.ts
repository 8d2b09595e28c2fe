import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, it, vi } from "vitest"

import type { Event } from "#events.ts"
import { type Id, newId } from "#lib/id.ts"
import { brands } from "#modules/catalog/tables.ts"
import { commit } from "#platform/commit.ts"
import type { Message } from "#platform/outbox.ts"
import * as outbox from "#platform/outbox.ts"
import { subscribers } from "#subscribers.ts"

import worker from "../../src/worker.ts"
import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { send } from "../support/wire.ts"

const changed: Event = { type: "catalog.changed" }
const now = new Date("2026-03-01T12:00:00.000Z")
const at = (seconds: number) => new Date(now.getTime() + seconds * 1000).toISOString()

/** A queue that writes down what it is sent; `fails` times it loses it instead. */
function fakeQueue(fails = 0) {
  const sent: Message[] = []
  let left = fails
  const sendBatch = async (messages: Iterable<{ body: Message }>) => {
    if (left-- > 0) throw new Error("Queue sendBatch failed: Network connection lost.")
    sent.push(...[...messages].map(({ body }) => body))
  }
  return { sent, queue: { sendBatch } as unknown as Queue<Message> }
}

/** Hands bodies to the Worker as the queue would: each with its number of attempts. */
async function deliver(bodies: unknown[], { queue = "nexus-events", attempts = 1 } = {}) {
  const batch = createMessageBatch(
    queue,
    bodies.map((body, n) => ({
      id: `m${n}`,
      timestamp: now,
      attempts,
      body: body as Message,
    })),
  )
  const retries = batch.messages.map((message) => vi.spyOn(message, "retry"))
  const execution = createExecutionContext()
  await worker.queue(batch, env, execution)
  const delays = retries.flatMap(({ mock }) => mock.calls.map(([options]) => options?.delaySeconds))
  return { ...(await getQueueResult(batch, execution)), delays }
}

/** A row of the outbox. */
async function row(
  event: Event = changed,
  { nextAt = at(0), doneAt = null as string | null } = {},
): Promise<Message> {
  const id = newId("event", now)
  await env.DB.prepare(
    "INSERT INTO outbox (id, event, created_at, next_at, done_at) VALUES (?,?,?,?,?)",
  )
    .bind(id, JSON.stringify(event), at(-60), nextAt, doneAt)
    .run()
  return { id, event }
}

async function outboxOf({ id }: Message) {
  return env.DB.prepare("SELECT next_at, done_at FROM outbox WHERE id = ?")
    .bind(id)
    .first<{ next_at: string; done_at: string | null }>()
}

async function deliveriesOf({ id }: Message): Promise<string[]> {
  const { results } = await env.DB.prepare(
    "SELECT subscriber FROM deliveries WHERE event_id = ? ORDER BY subscriber",
  )
    .bind(id)
    .all<{ subscriber: string }>()
  return results.map(({ subscriber }) => subscriber)
}

beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => undefined)
})

describe("a message", () => {
  it("that its subscribers deal with is acknowledged, and its event is done", async () => {
    const expire = vi.spyOn(subscribers["catalog.changed"], "cache")
    const message = await row()
    const result = await deliver([message])
    expect(result).toMatchObject({ outcome: "ok", explicitAcks: ["m0"], retryMessages: [] })
    expect(expire).toHaveBeenCalledTimes(1)
    expect(expire.mock.calls[0]?.[1]).toEqual({ type: "catalog.changed" })
    expect((await outboxOf(message))?.done_at).toMatch(/^20\d\d-.*Z$/)
    expect(await deliveriesOf(message)).toEqual(["cache", "search"])
  })

  it("really makes cached lists unusable", async () => {
    await deliver([await row()])
    expect(Number(await env.CACHE.get("expired:catalog"))).toBeGreaterThan(Date.now() - 60_000)
  })

  it("whose subscriber fails comes again, later and later, and its event is not done", async () => {
    vi.spyOn(subscribers["catalog.changed"], "cache").mockRejectedValue(new Error("KV is down"))
    const message = await row()
    for (const [attempts, delaySeconds] of [
      [1, 2],
      [2, 4],
      [5, 32],
      [9, 300],
      [50, 300],
    ] as const) {
      const result = await deliver([message], { attempts })
      expect(result).toMatchObject({
        explicitAcks: [],
        retryMessages: [{ msgId: "m0" }],
        delays: [delaySeconds],
      })
    }
    expect((await outboxOf(message))?.done_at).toBeNull()
    expect(await deliveriesOf(message)).toEqual(["search"])
  })

  it("that fails does not keep its neighbours from being dealt with", async () => {
    vi.spyOn(subscribers["catalog.changed"], "cache").mockImplementation(
      async (_, { productId }) => {
        if (productId === "prd_bad") throw new Error("KV is down")
      },
    )
    const of = (productId: string) => row({ ...changed, productId: productId as Id<"product"> })
    const messages = [await of("prd_1"), await of("prd_bad"), await of("prd_2")]
    const result = await deliver(messages)
    expect(result.explicitAcks).toEqual(["m0", "m2"])
    expect(result.retryMessages).toMatchObject([{ msgId: "m1" }])
    const done = await Promise.all(messages.map(async (one) => (await outboxOf(one))?.done_at))
    expect(done.map((doneAt) => typeof doneAt)).toEqual(["string", "object", "string"])
  })

  it("that comes again runs only the subscriber that failed", async () => {
    const runs: string[] = []
    let isDown = true
    const table = subscribers["order.status-changed"]
    table["mail"] = async () => void runs.push("mail")
    table["webhooks"] = async () => {
      runs.push("webhooks")
      if (isDown) throw new Error("the receiver is down")
    }
    try {
      const message = await row({
        type: "order.status-changed",
        orderId: "ord_1" as Id<"order">,
        from: "pending",
        to: "confirmed",
      })
      expect((await deliver([message])).retryMessages).toHaveLength(1)
      expect(await deliveriesOf(message)).toEqual(["cash", "mail"])
      isDown = false
      expect((await deliver([message], { attempts: 2 })).explicitAcks).toEqual(["m0"])
      expect(runs.toSorted()).toEqual(["mail", "webhooks", "webhooks"])
      expect(await deliveriesOf(message)).toEqual(["cash", "mail", "webhooks"])
      expect((await outboxOf(message))?.done_at).not.toBeNull()
      await deliver([message], { attempts: 3 })
      expect(runs).toHaveLength(3)
    } finally {
      delete table["mail"]
      delete table["webhooks"]
    }
  })

  it("of an event that nobody listens to is acknowledged and done", async () => {
    const message = await row({
      type: "order.status-changed",
      orderId: "ord_1" as Id<"order">,
      from: "pending",
      to: "confirmed",
    })
    expect((await deliver([message])).explicitAcks).toEqual(["m0"])
    expect((await outboxOf(message))?.done_at).not.toBeNull()
  })

  it("of a kind that this version does not know is kept for one that does", async () => {
    const message = await row({ type: "order.teleported" } as unknown as Event)
    const result = await deliver([message, await row()])
    expect(result.explicitAcks).toEqual(["m1"])
    expect(result.retryMessages).toMatchObject([{ msgId: "m0" }])
    expect((await outboxOf(message))?.done_at).toBeNull()
  })

  it("that is broken does not keep its neighbours from being dealt with", async () => {
    const result = await deliver(["text", {}, await row()])
    expect(result.explicitAcks).toEqual(["m2"])
    expect(result.retryMessages.map(({ msgId }) => msgId)).toEqual(["m0", "m1"])
  })

  it("may come twice at once", async () => {
    const message = await row()
    const results = await Promise.all([deliver([message]), deliver([message])])
    expect(results.map(({ explicitAcks }) => explicitAcks)).toEqual([["m0"], ["m0"]])
    expect(await deliveriesOf(message)).toEqual(["cache", "search"])
  })
})

describe("a dead message", () => {
  it("is put aside once, its event is closed, and readiness is degraded", async () => {
    expect((await call("GET", "/health/readiness")).body).toMatchObject({
      status: "ready",
      dead_letters: 0,
    })
    const message = await row()
    for (let n = 0; n < 2; n++) {
      const result = await deliver([message], { queue: "nexus-events-dead" })
      expect(result).toMatchObject({ explicitAcks: ["m0"], retryMessages: [] })
    }
    const { results } = await env.DB.prepare("SELECT event_id, event FROM dead_letters").all()
    expect(results).toEqual([{ event_id: message.id, event: '{"type":"catalog.changed"}' }])
    expect((await outboxOf(message))?.done_at).not.toBeNull()
    expect(await deliveriesOf(message)).toEqual([])
    const readiness = await call("GET", "/health/readiness")
    expect(readiness).toMatchObject({ status: 200, body: { status: "degraded", dead_letters: 1 } })
  })

  it("runs no subscriber again", async () => {
    const expire = vi.spyOn(subscribers["catalog.changed"], "cache")
    await deliver([await row()], { queue: "nexus-events-dead" })
    expect(expire).not.toHaveBeenCalled()
  })

  it("that cannot be put aside comes again", async () => {
    const message = await row()
    await env.DB.prepare("DROP TABLE dead_letters").run()
    const result = await deliver([message], { queue: "nexus-events-dead" })
    expect(result.retryMessages).toMatchObject([{ msgId: "m0" }])
    expect((await outboxOf(message))?.done_at).toBeNull()
  })
})

describe("a commit", () => {
  it("writes its events with the change and sends them after it", async () => {
    const { sent, queue } = fakeQueue()
    const as = ctx({ now, events: queue })
    await commit(as, [brand(as, "Acme")], { events: [changed] })
    await as.settled()
    expect(sent.map(({ event }) => event)).toEqual([changed])
    const [message] = sent
    expect(await outboxOf(message as Message)).toEqual({ next_at: at(30), done_at: null })
  })

  it("that is refused writes and sends none", async () => {
    const { sent, queue } = fakeQueue()
    const as = ctx({ now, events: queue })
    await commit(as, [brand(as, "Acme")])
    await expect(
      commit(as, [brand(as, "acme")], {
        events: [changed],
        refusals: { brands_name: "order-changed" },
      }),
    ).rejects.toMatchObject({ code: "order-changed" })
    await as.settled()
    expect(sent).toEqual([])
    expect(await env.DB.prepare("SELECT count(*) AS n FROM outbox").first("n")).toBe(0)
  })

  it("whose process dies before it sends loses nothing: the sweep sends the same event, once it is due", async () => {
    const { sent, queue } = fakeQueue(1)
    const as = ctx({ now, events: queue })
    await commit(as, [brand(as, "Acme")], { events: [changed] })
    await as.settled()
    expect(sent).toEqual([])

    const sweep = (seconds: number) =>
      outbox.sweep(ctx({ now: new Date(at(seconds)), events: queue }))
    await sweep(29)
    expect(sent).toEqual([])
    await sweep(30)
    expect(sent.map(({ event }) => event)).toEqual([changed])
    expect(await outboxOf(sent[0] as Message)).toEqual({ next_at: at(90), done_at: null })
    await sweep(89)
    expect(sent).toHaveLength(1)
    await sweep(90)
    expect(sent.map(({ id }) => id)).toEqual([sent[0]?.id, sent[0]?.id])

    expect((await deliver(sent)).explicitAcks).toEqual(["m0", "m1"])
    await sweep(600)
    expect(sent).toHaveLength(2)
  })

  it("of a request survives a queue that is down", async () => {
    const { sent, queue } = fakeQueue(1)
    const staff = await make.user("staff")
    const made = await send("POST", "products", {
      as: staff,
      body: { name: "Kettle", price: "12.00" },
      over: { EVENTS: queue },
    })
    expect(made.status).toBe(201)
    expect(sent).toEqual([])
    await outbox.sweep(ctx({ now: new Date(Date.now() + 31_000), events: queue }))
    expect(sent.map(({ event }) => event.type)).toContain("catalog.changed")
  })

  it("sweeps up what an earlier crash left behind, after its own events", async () => {
    const left = await row()
    const { sent, queue } = fakeQueue()
    const as = ctx({ now, events: queue })
    await commit(as, [brand(as, "Acme")], { events: [changed] })
    await as.settled()
    expect(sent).toHaveLength(2)
    expect(sent[1]?.id).toBe(left.id)
  })
})

describe("the sweep", () => {
  it("sends what is due, and leaves the rest alone", async () => {
    const due = [await row(changed, { nextAt: at(-5) }), await row(changed, { nextAt: at(-50) })]
    const later = await row(changed, { nextAt: at(1) })
    const done = await row(changed, { nextAt: at(-50), doneAt: at(-40) })
    const { sent, queue } = fakeQueue()
    await outbox.sweep(ctx({ now, events: queue }))
    expect(sent.map(({ id }) => id).toSorted()).toEqual(due.map(({ id }) => id).toSorted())
    expect((await outboxOf(later))?.next_at).toBe(at(1))
    expect(await outboxOf(done)).toEqual({ next_at: at(-50), done_at: at(-40) })
  })

  it("takes a hundred at a time", async () => {
    for (let n = 0; n < 103; n++) await row(changed, { nextAt: at(-200 + n) })
    const { sent, queue } = fakeQueue()
    await outbox.sweep(ctx({ now, events: queue }))
    expect(sent).toHaveLength(100)
    await outbox.sweep(ctx({ now, events: queue }))
    expect(sent).toHaveLength(103)
    expect(new Set(sent.map(({ id }) => id)).size).toBe(103)
    await outbox.sweep(ctx({ now, events: queue }))
    expect(sent).toHaveLength(103)
  })

  it("that cannot send tries again a minute later", async () => {
    const message = await row()
    const { queue } = fakeQueue(1)
    await expect(outbox.sweep(ctx({ now, events: queue }))).rejects.toThrow("sendBatch failed")
    expect(await outboxOf(message)).toEqual({ next_at: at(60), done_at: null })
  })

  it("of nothing sends nothing", async () => {
    const { sent, queue } = fakeQueue()
    const sendBatch = vi.spyOn(queue, "sendBatch")
    await outbox.sweep(ctx({ now, events: queue }))
    expect([sent, sendBatch.mock.calls]).toEqual([[], []])
  })
})

describe("the purge", () => {
  it("deletes what has been done for 30 days, and nothing that is not done", async () => {
    const day = 86_400
    const [old, young] = [
      await row(changed, { doneAt: at(-30 * day - 1) }),
      await row(changed, { doneAt: at(-30 * day + 1) }),
    ]
    const open = await row(changed, { nextAt: at(-90 * day) })
    for (const [message, createdAt] of [
      [old, at(-30 * day - 1)],
      [young, at(-30 * day + 1)],
    ] as const)
      await env.DB.prepare(
        "INSERT INTO deliveries (event_id, subscriber, created_at) VALUES (?,?,?)",
      )
        .bind(message.id, "cache", createdAt)
        .run()
    await outbox.purge(ctx({ now }))
    expect(await outboxOf(old)).toBeNull()
    expect(await outboxOf(young)).not.toBeNull()
    expect(await outboxOf(open)).not.toBeNull()
    expect([await deliveriesOf(old), await deliveriesOf(young)]).toEqual([[], ["cache"]])
  })
})

/** A statement that makes a brand. */
function brand(as: ReturnType<typeof ctx>, name: string) {
  return as.db.insert(brands).values({
    id: newId("brand", as.now),
    name,
    slug: crypto.randomUUID(),
    createdAt: at(0),
    updatedAt: at(0),
  })
}
