import { env } from "cloudflare:workers"

import type { Ctx } from "#context.ts"
import { type Id, newId } from "#lib/id.ts"
import type { ProductStock } from "#modules/inventory/object.ts"
import type { RemoteStock } from "#modules/inventory/remote.ts"
import type { Message } from "#platform/outbox.ts"
import { deliver } from "#subscribers.ts"

import { type Answer, call } from "./api.ts"
import { ctx } from "./ctx.ts"

/** Where test orders go. */
export const address = {
  first_name: "Ada",
  last_name: "Lovelace",
  address_line_1: "12 St James's Square",
  city: "London",
  postal_code: "SW1Y 4JH",
  country: "GB",
}

/** The methods of a stock object as they answer over RPC. */
export type Stock = DurableObjectStub<ProductStock> & RemoteStock

/** The stock object of a product. */
export function stockObject(productId: string): Stock {
  return env.STOCK.getByName(productId) as unknown as Stock
}

/** What a product's stock object says of one of its variants; of the product itself unless said otherwise. */
export async function stockOf(productId: string, variantId = productId) {
  const { levels } = await stockObject(productId).read()
  const level = levels.find((one) => one.variantId === variantId)
  return {
    onHand: level?.onHand ?? 0,
    held: level?.held ?? 0,
    available: level?.available ?? 0,
  }
}

/** A new order id. */
export function orderId(): Id<"order"> {
  return newId("order", new Date())
}

/** The rows of a query, as they lie in the database. */
export async function rows<T = Record<string, any>>(
  sql: string,
  ...values: unknown[]
): Promise<T[]> {
  const { results } = await env.DB.prepare(sql)
    .bind(...values)
    .all<T>()
  return results
}

/** How many rows a table has. */
export async function countOf(table: string): Promise<number> {
  const [row] = await rows<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)
  return row?.n ?? 0
}

/** The events that no subscriber has finished, as they were written: ids of one millisecond are in no order. */
export async function openEvents(type?: string): Promise<Message[]> {
  const all = await rows<{ id: Id<"event">; event: string }>(
    "SELECT id, event FROM outbox WHERE done_at IS NULL ORDER BY rowid",
  )
  return all
    .map(({ id, event }) => ({ id, event: JSON.parse(event) as Message["event"] }))
    .filter(({ event }) => type === undefined || event.type === type)
}

/** Hands the open events to their subscribers, as the queue would. */
export async function deliverAll(type?: string): Promise<void> {
  for (const message of await openEvents(type)) {
    const as = ctx()
    await deliver(as, message)
    await as.settled()
  }
}

/** The D1 round trips that an answer says it cost. */
export function roundTrips(answer: Answer): number {
  const told = /d1_queries;desc="(\d+)"/.exec(answer.headers.get("server-timing") ?? "")?.[1]
  return told === undefined ? Number.NaN : Number(told)
}

/** Fields that a problem names, sorted, each once. */
export function fieldsOf(answer: Answer): string[] {
  const errors = (answer.body.errors ?? []) as { field: string }[]
  return [...new Set(errors.map(({ field }) => field))].toSorted()
}

/** A namespace of stock objects in which the named methods fail while their count lasts; `Infinity`: always. Before: it was not done; after: it was, but the answer is lost. */
export function failingStock(
  fails: Partial<Record<"reserve" | "release" | "settle" | "cancel" | "read" | "adjust", number>>,
  when: "before" | "after" = "before",
): Ctx["stock"] {
  const left = new Map(Object.entries(fails))
  const getByName = (name: string) => {
    const stub = env.STOCK.getByName(name)
    return new Proxy(stub, {
      get(target, method: string) {
        const run = (...args: unknown[]) =>
          (target as unknown as Record<string, (...all: unknown[]) => Promise<unknown>>)[method]!(
            ...args,
          )
        return async (...args: unknown[]) => {
          const n = left.get(method) ?? 0
          if (n <= 0) return run(...args)
          left.set(method, n - 1)
          if (when === "after") await run(...args)
          throw new Error("Network connection lost.")
        }
      },
    })
  }
  return { getByName } as unknown as Ctx["stock"]
}

/** A database whose batches that `matches` picks lose their answer: they are run, then the connection is lost. */
export function forgetfulDb(db: Ctx["db"], times = 1): Ctx["db"] {
  let left = times
  return new Proxy(db, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown
      if (name !== "batch" || typeof value !== "function")
        return typeof value === "function" ? value.bind(target) : value
      return async (statements: unknown[]) => {
        const results = await (value as (all: unknown[]) => Promise<unknown>).call(
          target,
          statements,
        )
        const writes = statements.some((one) =>
          /^insert into "orders"/i.test((one as { toSQL(): { sql: string } }).toSQL().sql),
        )
        if (!writes || left-- <= 0) return results
        throw new Error("Network connection lost.")
      }
    },
  })
}

/** Orders some of a product over HTTP. */
export function order(
  items: unknown,
  as?: { access: string },
  over: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  return call("POST", "orders", {
    as,
    headers,
    body: {
      ...(items !== undefined && { items }),
      shipping_address: address,
      ...(!as && { email: "guest@example.com" }),
      ...over,
    },
  })
}

/** Moves an order through these states, as staff. */
export async function move(ref: string, as: { access: string }, ...to: string[]): Promise<Answer> {
  let last: Answer | undefined
  for (const status of to)
    last = await call("PATCH", `orders/${ref}/status`, { as, body: { status } })
  if (!last) throw new Error("no state to move to")
  return last
}

/** A queue that takes everything and delivers nothing: what a test wants delivered it hands over itself (`deliverAll`). */
export const silentQueue = { sendBatch: async () => {} } as unknown as Ctx["events"]

/** A namespace of stock objects in which something else happens before the first hold is taken. */
export function hookedStock(before: () => Promise<unknown>): Ctx["stock"] {
  let done: Promise<unknown> | undefined
  const getByName = (name: string) =>
    new Proxy(stockObject(name), {
      get(target, method: string) {
        return async (...args: unknown[]) => {
          if (method === "reserve") await (done ??= before())
          return (target as unknown as Record<string, (...all: unknown[]) => Promise<unknown>>)[
            method
          ]!(...args)
        }
      },
    })
  return { getByName } as unknown as Ctx["stock"]
}

/** What was thrown by those of several that failed. */
export function reasonsOf(results: readonly PromiseSettledResult<unknown>[]): unknown[] {
  return results.flatMap((result) =>
    result.status === "rejected" ? [result.reason as unknown] : [],
  )
}

/** How many answers there are of each status, and for a refusal of each code: `{ "201": 1, "409 out-of-stock": 9 }`. */
export function tally(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { status, body } of answers) {
    const name = status < 300 ? String(status) : `${status} ${body.code}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

/** Hands the open events to their subscribers, and those that these set off, until nothing is open. */
export async function settleAll(): Promise<void> {
  for (let rounds = 0; (await openEvents()).length > 0; rounds++) {
    if (rounds === 10) throw new Error("events set off events without end")
    await deliverAll()
  }
}
