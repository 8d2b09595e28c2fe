import { describe, expect, it } from "vitest"

import { call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { address, order, rows } from "../support/shop.ts"
import { expectProblem, send } from "../support/wire.ts"

type Staff = Awaited<ReturnType<typeof make.user>>

/** What staff keep: how one is made, where it is found, and two changes of different fields. */
const kinds: [
  name: string,
  making: (staff: Staff) => Promise<{ path: string; body: Record<string, unknown> }>,
  at: (made: any) => string,
  changes: [Record<string, unknown>, Record<string, unknown>],
][] = [
  [
    "a promotion",
    async () => ({
      path: "admin/promotions",
      body: { name: "Ten", code: "TEN", action: { type: "percentage", percentage: "10" } },
    }),
    ({ id }) => `admin/promotions/${id}`,
    [{ name: "Tenth" }, { priority: 7 }],
  ],
  [
    "a tax rate",
    async () => ({ path: "admin/tax/rates", body: { name: "VAT", country: "DE", rate: "19" } }),
    ({ id }) => `admin/tax/rates/${id}`,
    [{ name: "MwSt" }, { rate: "16" }],
  ],
  [
    "a shipping zone",
    async () => ({
      path: "admin/shipping/zones",
      body: { name: "Home", areas: [{ country: "GB" }] },
    }),
    ({ id }) => `admin/shipping/zones/${id}`,
    [{ name: "Islands" }, { areas: [{ country: "IE", state: "", postal_prefix: "" }] }],
  ],
  [
    "a shipping method",
    async (staff) => {
      const zone = await call("POST", "admin/shipping/zones", {
        as: staff,
        body: { name: "Home", areas: [{ country: "GB" }] },
      })
      return {
        path: "admin/shipping/methods",
        body: { zone: zone.body.id, name: "Post", type: "flat", price: "5.00" },
      }
    },
    ({ id }) => `admin/shipping/methods/${id}`,
    [{ name: "Parcel" }, { price: "6.00" }],
  ],
  [
    "a currency",
    async () => ({ path: "admin/currencies", body: { code: "EUR" } }),
    ({ code }) => `admin/currencies/${code}`,
    [{ margin: "2" }, { max_age_hours: 48 }],
  ],
  [
    "a price list",
    async (staff) => {
      await call("POST", "admin/currencies", { as: staff, body: { code: "EUR" } })
      return { path: "admin/price-lists", body: { name: "Summer", currency: "EUR" } }
    },
    ({ id }) => `admin/price-lists/${id}`,
    [{ name: "Autumn" }, { active: false }],
  ],
  [
    "a synonym",
    async () => ({ path: "admin/search/synonyms", body: { terms: ["sofa", "couch"] } }),
    ({ id }) => `admin/search/synonyms/${id}`,
    [{ source: "settee" }, { terms: ["sofa", "divan"] }],
  ],
  [
    "a plan",
    async () => ({
      path: "admin/subscription-plans",
      body: { name: "Monthly", interval: "month", products: [(await make.product()).id] },
    }),
    ({ id }) => `admin/subscription-plans/${id}`,
    [{ name: "Every month" }, { products: [] }],
  ],
  [
    "a brand",
    async () => ({ path: "brands", body: { name: "Fairwind" } }),
    ({ id }) => `brands/${id}`,
    [{ name: "Fair Wind" }, { slug: "wind" }],
  ],
  [
    "a category",
    async () => ({ path: "categories", body: { name: "Tools" } }),
    ({ id }) => `categories/${id}`,
    [{ name: "Hand tools" }, { slug: "hand" }],
  ],
  [
    "a product",
    async () => ({ path: "products", body: { name: "Hammer", price: "10.00" } }),
    ({ id }) => `products/${id}`,
    [{ name: "Mallet" }, { slug: "mallet" }],
  ],
]

describe.each(kinds)("%s", (_, making, at, [one, other]) => {
  async function made() {
    const staff = await make.user("staff")
    const { path, body } = await making(staff)
    const answer = await send("POST", path, { as: staff, body })
    expect([answer.status, answer.body.version]).toEqual([201, 1])
    return { staff, path: at(answer.body), etag: answer.headers.get("etag") ?? "" }
  }

  it("is changed and taken away only as it was seen, if the caller says how that was", async () => {
    const { staff, path, etag } = await made()
    expect(etag).toMatch(/^"1\.[\w-]+"$/)
    expect((await send("GET", path, { as: staff })).headers.get("etag")).toBe(etag)
    const seen = (tag: string) => ({ as: staff, headers: { "if-match": tag } })

    const changed = await send("PATCH", path, { ...seen(etag), body: one })
    expect(changed).toMatchObject({ status: 200, body: { ...one, version: 2 } })
    for (const tag of [etag, '"nonsense"', `W/${changed.headers.get("etag")}`]) {
      expectProblem(await send("PATCH", path, { ...seen(tag), body: other }), 412, "stale")
      expectProblem(await send("DELETE", path, seen(tag)), 412, "stale")
    }
    expect((await send("GET", path, { as: staff })).body).toEqual(changed.body)

    expect((await send("PATCH", path, { ...seen("*"), body: other })).body.version).toBe(3)
    const now = (await send("GET", path, { as: staff })).headers.get("etag") ?? ""
    expect((await send("DELETE", path, seen(now))).status).toBe(204)
    expectProblem(await send("DELETE", path, seen(now)), 404, "not-found")
  })

  it("keeps both of two changes at once, and one of two that saw the same", async () => {
    const { staff, path, etag } = await made()
    const both = await Promise.all(
      [one, other].map((body) => send("PATCH", path, { as: staff, body })),
    )
    expect(both.map(({ status }) => status)).toEqual([200, 200])
    const after = await send("GET", path, { as: staff })
    expect(after.body).toMatchObject({ ...one, ...other, version: 3 })

    const seen = { "if-match": after.headers.get("etag") ?? etag }
    const racing = await Promise.all(
      [one, other].map((body) => send("PATCH", path, { as: staff, body, headers: seen })),
    )
    expect(racing.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412])
  })

  it("is taken away by one of several at once, and noted once", async () => {
    const { staff, path } = await made()
    const racing = await Promise.all([1, 2, 3, 4].map(() => send("DELETE", path, { as: staff })))
    expect(racing.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      204, 404, 404, 404,
    ])
    const noted = await rows("SELECT id FROM audit WHERE action LIKE '%.removed'")
    expect(noted.length).toBeLessThanOrEqual(1)
  })

  it("that is taken away while others change it is gone, and nothing that hung on it is left", async () => {
    const { staff, path, etag } = await made()
    const seen = { "if-match": etag }
    const [first, second, gone] = await Promise.all([
      send("PATCH", path, { as: staff, body: one }),
      send("PATCH", path, { as: staff, body: other, headers: seen }),
      send("DELETE", path, { as: staff }),
    ])
    expect(gone.status).toBe(204)
    expect([200, 404]).toContain(first.status)
    expect([200, 404, 412]).toContain(second.status)
    expectProblem(await send("GET", path, { as: staff }), 404, "not-found")
    expect(await rows("SELECT target_id FROM old_slugs")).toEqual([])
  })
})

it("what orders use of a promotion is no change of it", async () => {
  const [staff, customer] = [await make.user("staff"), await make.user()]
  const promotion = await send("POST", "admin/promotions", {
    as: staff,
    body: { name: "Ten", code: "TEN", action: { type: "percentage", percentage: "10" } },
  })
  const product = await make.product()
  const placed = await order([{ product_id: product.id, quantity: 1 }], customer, {
    coupon_codes: ["TEN"],
    shipping_address: address,
  })
  expect(placed.body.discount).toBe("1.00")
  const changed = await send("PATCH", `admin/promotions/${promotion.body.id}`, {
    as: staff,
    body: { priority: 1 },
    headers: { "if-match": promotion.headers.get("etag") ?? "" },
  })
  expect(changed).toMatchObject({ status: 200, body: { version: 2, used_count: 1 } })
})

it("a rate that staff set is a change of its currency", async () => {
  const staff = await make.user("staff")
  const currency = await send("POST", "admin/currencies", { as: staff, body: { code: "EUR" } })
  await send("PUT", "admin/currencies/EUR/rate", { as: staff, body: { rate: "0.92" } })
  const stale = await send("PATCH", "admin/currencies/EUR", {
    as: staff,
    body: { rate_source: "ecb" },
    headers: { "if-match": currency.headers.get("etag") ?? "" },
  })
  expectProblem(stale, 412, "stale")
})
