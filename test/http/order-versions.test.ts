import { describe, expect, it } from "vitest"

import * as make from "../support/make.ts"
import { move, order } from "../support/shop.ts"
import { expectProblem, send } from "../support/wire.ts"

type Person = Awaited<ReturnType<typeof make.user>>

/** A confirmed order of two things, and staff. */
async function confirmed() {
  const [customer, staff] = [await make.user(), await make.user("staff")]
  const product = await make.product()
  const { body } = await order([{ product_id: product.id, quantity: 2 }], customer)
  await move(body.id, staff, "confirmed")
  return { customer, staff, product, id: body.id as string, line: body.items[0].id as string }
}

async function tagOf(id: string, as: Person): Promise<string> {
  const answer = await send("GET", `orders/${id}`, { as })
  expect(answer.headers.get("etag")).toMatch(new RegExp(`^"${answer.body.version}\\.[\\w-]+"$`))
  return answer.headers.get("etag") ?? ""
}

/** Every change of an order that names the version it was seen in. */
const changes: [
  name: string,
  method: string,
  at: (id: string) => string,
  body: (one: { line: string }) => unknown,
][] = [
  ["its notes", "PATCH", (id) => `orders/${id}`, () => ({ notes: "Ring twice" })],
  ["its state", "PATCH", (id) => `orders/${id}/status`, () => ({ status: "shipped" })],
  [
    "a cancel by its state",
    "PATCH",
    (id) => `orders/${id}/status`,
    () => ({ status: "cancelled" }),
  ],
  ["a cancel", "POST", (id) => `orders/${id}/cancel`, () => ({})],
  ["a cancel by DELETE", "DELETE", (id) => `orders/${id}`, () => undefined],
  [
    "an edit",
    "POST",
    (id) => `admin/orders/${id}/edits`,
    ({ line }) => ({ items: [{ item_id: line, quantity: 1 }] }),
  ],
  ["a parcel", "POST", (id) => `admin/orders/${id}/fulfilments`, () => ({})],
]

describe.each(changes)("%s", (_, method, at, bodyOf) => {
  it("is made only of the order as it was seen, if the caller says how that was", async () => {
    const { staff, id, line } = await confirmed()
    const path = at(id)
    const change = (tag: string) =>
      send(method, path, { as: staff, headers: { "if-match": tag }, body: bodyOf({ line }) })
    const old = await tagOf(id, staff)
    await move(id, staff, "processing")
    const before = await send("GET", `orders/${id}`, { as: staff })
    for (const tag of [old, '"nonsense"', `W/${await tagOf(id, staff)}`])
      expectProblem(await change(tag), 412, "stale")
    expect((await send("GET", `orders/${id}`, { as: staff })).body).toEqual(before.body)
    expect((await change(await tagOf(id, staff))).status).toBeLessThan(300)
    const after = await send("GET", `orders/${id}`, { as: staff })
    expect(after.body.version).toBeGreaterThan(before.body.version)
  })
})

it("of several changes at once that saw the same, one is made and the others are told so", async () => {
  const { staff, id, line } = await confirmed()
  await move(id, staff, "processing")
  const tag = await tagOf(id, staff)
  const answers = await Promise.all(
    changes.map(([, method, at, bodyOf]) =>
      send(method, at(id), {
        as: staff,
        headers: { "if-match": tag },
        body: bodyOf({ line }),
      }),
    ),
  )
  const statuses = answers.map(({ status }) => status)
  expect(statuses.filter((status) => status < 300)).toHaveLength(1)
  expect(statuses.filter((status) => status === 412)).toHaveLength(changes.length - 1)
})

it("a parcel is followed and taken back of the order as it was seen", async () => {
  const { staff, id } = await confirmed()
  const old = await tagOf(id, staff)
  const sent = await send("POST", `admin/orders/${id}/fulfilments`, { as: staff, body: {} })
  const path = `admin/orders/${id}/fulfilments/${sent.body.fulfilment.id}`
  const stale = { as: staff, headers: { "if-match": old } }
  const body = { carrier: "ups", tracking_number: "1Z999AA10123456784" }
  expectProblem(await send("PATCH", path, { ...stale, body }), 412, "stale")
  expectProblem(await send("POST", `${path}/cancel`, { ...stale, body: {} }), 412, "stale")
  const seen = { as: staff, headers: { "if-match": await tagOf(id, staff) } }
  expect((await send("PATCH", path, { ...seen, body })).status).toBe(200)
  expectProblem(await send("POST", `${path}/cancel`, { ...seen, body: {} }), 412, "stale")
})

it("a customer's own change goes by it too", async () => {
  const [customer, staff] = [await make.user(), await make.user("staff")]
  const product = await make.product()
  const { body } = await order([{ product_id: product.id, quantity: 1 }], customer)
  const seen = { as: customer, headers: { "if-match": await tagOf(body.id, customer) } }
  await send("PATCH", `orders/${body.id}`, { as: staff, body: { notes: "Call first" } })
  expectProblem(
    await send("PATCH", `orders/${body.id}`, { ...seen, body: { notes: "Mine" } }),
    412,
    "stale",
  )
})
