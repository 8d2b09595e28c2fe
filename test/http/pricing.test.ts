import { describe, expect, it } from "vitest"

import { price } from "#modules/cart/price.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { promotion, shippingMethod, taxRate, things } from "../support/offers.ts"
import { fieldsOf, roundTrips, tally } from "../support/shop.ts"
import { expectProblem } from "../support/wire.ts"

const london = { country: "GB", state: "", postalCode: "SW1Y 4JH" }
const toPrices = (answer: { body: any }) =>
  answer.body.results.map((one: any) => `${one.name} ${one.price}`)

describe("/admin/promotions", () => {
  it("makes, shows, changes and takes away a promotion", async () => {
    const as = await make.user("staff")
    const product = await make.product({ name: "Mug" })
    const body = {
      name: "Mugs",
      code: "mugs",
      priority: 3,
      usage_limit: 10,
      starts_at: "2026-01-01T01:00:00+01:00",
      conditions: [
        { type: "products", products: ["mug"] },
        { type: "minimum_spend", amount: 20 },
      ],
      action: { type: "percentage", percentage: "12.50", maximum: "5" },
    }
    const made = await call("POST", "admin/promotions", { as, body })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({
      code: "MUGS",
      automatic: false,
      status: "active",
      is_running: true,
      priority: 3,
      combinable: true,
      starts_at: "2026-01-01T00:00:00.000Z",
      used_count: 0,
      discount_total: "0.00",
      conditions: [
        { type: "products", products: [product.id] },
        { type: "minimum_spend", amount: "20.00" },
      ],
      action: { type: "percentage", percentage: "12.5", maximum: "5.00" },
    })
    const path = `admin/promotions/${made.body.id}`
    expect((await call("GET", path, { as })).body).toEqual(made.body)
    expect((await call("GET", "admin/promotions/mugs", { as })).body).toEqual(made.body)
    const tiers = [
      { quantity: 2, amount: "1.50" },
      { quantity: 5, percentage: 10 },
    ]
    const changes = { status: "inactive", conditions: [], action: { type: "tiered", tiers } }
    for (const method of ["PATCH", "PUT"])
      expect((await call(method, path, { as, body: changes })).body).toMatchObject({
        name: "Mugs",
        code: "MUGS",
        is_running: false,
        conditions: [],
        action: {
          type: "tiered",
          tiers: [
            { quantity: 2, amount: "1.50" },
            { quantity: 5, percentage: "10" },
          ],
        },
      })
    expect((await call("DELETE", path, { as })).status).toBe(204)
    expectProblem(await call("GET", path, { as }), 404, "not-found")
  })

  it("lists by state, kind and code", async () => {
    const as = await make.user("staff")
    await promotion({ code: "AAA", status: "inactive" })
    await promotion({ code: "BBB" })
    await promotion({ automatic: true })
    const codes = async (query: string) =>
      (await call("GET", `admin/promotions?${query}`, { as })).body.results.map(
        (one: any) => one.code,
      )
    expect(await codes("")).toEqual([null, "BBB", "AAA"])
    expect(await codes("status=active")).toEqual([null, "BBB"])
    expect(await codes("automatic=true")).toEqual([null])
    expect(await codes("code=aaa")).toEqual(["AAA"])
    expect(await codes("code=none")).toEqual([])
  })

  it("names every field that is wrong at once", async () => {
    const as = await make.user("staff")
    const body = {
      name: "",
      code: "no spaces",
      usage_limit: 0,
      ends_at: "tomorrow",
      conditions: [{ type: "minimum_spend", amount: "-1" }, { type: "moon_phase" }],
      action: { type: "percentage", percentage: "101" },
    }
    const answer = await call("POST", "admin/promotions", { as, body })
    expectProblem(answer, 400, "invalid-input")
    expect(fieldsOf(answer)).toEqual([
      "action.percentage",
      "code",
      "conditions.0.amount",
      "conditions.1.type",
      "ends_at",
      "name",
      "usage_limit",
    ])
    const nothing = await call("POST", "admin/promotions", { as, body: {} })
    expect(fieldsOf(nothing)).toEqual(["action", "name"])
    const quiet = { name: "Quiet", action: { type: "free_shipping" } }
    expect(fieldsOf(await call("POST", "admin/promotions", { as, body: quiet }))).toEqual(["code"])
  })

  it("makes codes in batches, for a promotion that has any", async () => {
    const as = await make.user("staff")
    const one = await promotion({ code: null, automatic: false })
    const path = `admin/promotions/${one.id}/codes`
    const made = await call("POST", path, { as, body: { count: 250, prefix: "vip-" } })
    expect(made.status).toBe(201)
    expect(new Set(made.body.codes).size).toBe(250)
    for (const code of made.body.codes) expect(code).toMatch(/^VIP-[0-9A-Z]{10}$/)
    const page = await call("GET", `${path}?page_size=2`, { as })
    expect(page.body).toMatchObject({
      count: 250,
      results: [{ usage_limit: 1, used_count: 0 }, {}],
    })
    expect((await call("GET", `admin/promotions/${made.body.codes[7]}`, { as })).body.id).toBe(
      one.id,
    )
    const automatic = await promotion({ automatic: true })
    expectProblem(
      await call("POST", `admin/promotions/${automatic.id}/codes`, { as, body: { count: 1 } }),
      400,
      "invalid-input",
    )
  })

  it("takes the same request twice as one", async () => {
    const as = await make.user("staff")
    const body = { name: "Once", code: "ONCE", action: { type: "free_shipping" } }
    const headers = { "idempotency-key": "once" }
    const first = await call("POST", "admin/promotions", { as, body, headers })
    const second = await call("POST", "admin/promotions", { as, body, headers })
    expect([first.status, second.status, second.body.id]).toEqual([201, 201, first.body.id])
  })
})

describe("/admin/tax/rates", () => {
  it("makes, shows, changes and takes away a rate", async () => {
    const as = await make.user("staff")
    const body = {
      name: "QST",
      country: "ca",
      state: "qc",
      postal_prefix: "h2x 1",
      rate: "9.975",
      priority: 2,
    }
    const made = await call("POST", "admin/tax/rates", { as, body })
    expect(made.status).toBe(201)
    expect(made.body).toMatchObject({
      name: "QST",
      tax_class: "standard",
      country: "CA",
      state: "QC",
      postal_prefix: "H2X1",
      rate: "9.975",
      priority: 2,
      compound: false,
    })
    const path = `admin/tax/rates/${made.body.id}`
    expect((await call("GET", path, { as })).body).toEqual(made.body)
    const changed = await call("PATCH", path, { as, body: { rate: 10, compound: true } })
    expect(changed.body).toMatchObject({ rate: "10", compound: true, state: "QC" })
    const twin = await call("POST", "admin/tax/rates", { as, body })
    expectProblem(twin, 400, "invalid-input")
    expect(fieldsOf(twin)).toEqual(["priority"])
    await taxRate()
    const listed = await call("GET", "admin/tax/rates?country=ca", { as })
    expect(listed.body.results).toEqual([changed.body])
    expect((await call("DELETE", path, { as })).status).toBe(204)
    for (const method of ["GET", "DELETE"])
      expectProblem(await call(method, path, { as }), 404, "not-found")
  })

  it("names every field that is wrong at once", async () => {
    const as = await make.user("staff")
    const body = { name: "", country: "Canada", tax_class: "Standard!", rate: "101", priority: 0 }
    const answer = await call("POST", "admin/tax/rates", { as, body })
    expect(fieldsOf(answer)).toEqual(["country", "name", "priority", "rate", "tax_class"])
  })

  it("changes what is said of a rate, and nothing else", async () => {
    const as = await make.user("staff")
    const made = await taxRate({
      name: "QST",
      tax_class: "books",
      country: "CA",
      state: "QC",
      postal_prefix: "H2X",
      rate: "9.975",
      priority: 2,
      compound: true,
    })
    const patch = (body: object) => call("PATCH", `admin/tax/rates/${made.id}`, { as, body })
    let standing: Record<string, unknown> = { ...made }
    for (const change of [
      { name: "TVQ" },
      { rate: "10" },
      { priority: 3 },
      { compound: false },
      { tax_class: "standard" },
      { postal_prefix: "" },
      { state: "" },
      { country: "*" },
      {},
    ]) {
      standing = { ...standing, ...change }
      const { status, body } = await patch(change)
      expect([status, body]).toEqual([200, { ...standing, updated_at: body.updated_at }])
    }
    await taxRate({ country: "US" })
    const twin = await patch({ country: "US", priority: 1, tax_class: "standard" })
    expectProblem(twin, 400, "invalid-input")
    expect(fieldsOf(twin)).toEqual(["priority"])
    expect((await call("GET", `admin/tax/rates/${made.id}`, { as })).body.country).toBe("*")
    const nothing = await call("PATCH", "admin/tax/rates/none", { as, body: { rate: 1 } })
    expectProblem(nothing, 404, "not-found")
  })

  it("keeps what two change of a rate at once", async () => {
    const as = await make.user("staff")
    const { id } = await taxRate()
    const patch = (body: object) => call("PATCH", `admin/tax/rates/${id}`, { as, body })
    await Promise.all([patch({ name: "Value added tax" }), patch({ rate: "21" })])
    expect((await call("GET", `admin/tax/rates/${id}`, { as })).body).toMatchObject({
      name: "Value added tax",
      rate: "21",
    })
  })
})

describe("/admin/shipping", () => {
  it("makes, shows, changes and takes away zones with their methods", async () => {
    const as = await make.user("staff")
    const areas = [{ country: "gb" }, { country: "GB" }, { country: "US", state: "ny" }]
    const zone = await call("POST", "admin/shipping/zones", { as, body: { name: "Two", areas } })
    expect(zone.status).toBe(201)
    expect(zone.body.areas).toEqual([
      { country: "GB", state: "", postal_prefix: "" },
      { country: "US", state: "NY", postal_prefix: "" },
    ])
    const body = {
      zone: zone.body.id,
      name: "Parcel",
      type: "weight",
      steps: [{ up_to_grams: 500, price: "3.20" }, { price: 9 }],
      free_from: "100.00",
      min_days: 1,
      max_days: 2,
    }
    const method = await call("POST", "admin/shipping/methods", { as, body })
    expect(method.status).toBe(201)
    expect(method.body).toMatchObject({
      zone: zone.body.id,
      price: "0.00",
      steps: [{ up_to_grams: 500, price: "3.20" }, { price: "9.00" }],
      free_from: "100.00",
      is_active: true,
    })
    const zonePath = `admin/shipping/zones/${zone.body.id}`
    const methodPath = `admin/shipping/methods/${method.body.id}`
    const moved = await call("PATCH", zonePath, { as, body: { areas: [{ country: "IE" }] } })
    expect(moved.body).toMatchObject({ name: "Two", areas: [{ country: "IE" }] })
    expect((await call("GET", zonePath, { as })).body).toEqual(moved.body)
    expect((await call("GET", "admin/shipping/zones", { as })).body.results).toEqual([moved.body])
    const cheaper = await call("PATCH", methodPath, {
      as,
      body: { type: "total", steps: [{ up_to_total: "50", price: 4 }], free_from: null },
    })
    expect(cheaper.body).toMatchObject({
      type: "total",
      steps: [{ up_to_total: "50.00", price: "4.00" }],
      free_from: null,
    })
    expect((await call("GET", methodPath, { as })).body).toEqual(cheaper.body)
    const listed = await call("GET", `admin/shipping/methods?zone=${zone.body.id}`, { as })
    expect(listed.body.results).toEqual([cheaper.body])
    expect((await call("DELETE", zonePath, { as })).status).toBe(204)
    for (const path of [zonePath, methodPath])
      for (const verb of ["GET", "DELETE"])
        expectProblem(await call(verb, path, { as }), 404, "not-found")
  })

  it("names every field that is wrong at once", async () => {
    const as = await make.user("staff")
    const { zone } = await shippingMethod()
    const post = (body: unknown) => call("POST", "admin/shipping/methods", { as, body })
    const shape = { zone, name: "", type: "balloon", min_days: -1, tax_class: "A b" }
    expect(fieldsOf(await post(shape))).toEqual(["min_days", "name", "tax_class", "type"])
    const wrong = {
      zone,
      name: "Wrong",
      type: "total",
      price: "1.005",
      steps: [{ up_to_grams: 5, price: "1" }, { price: "2.001" }],
      min_days: 5,
      max_days: 2,
    }
    expect(fieldsOf(await post(wrong))).toEqual([
      "max_days",
      "price",
      "steps",
      "steps.0",
      "steps.1.price",
    ])
    const nowhere = await post({ zone: "none", name: "X", type: "flat", price: 1 })
    expect(fieldsOf(nowhere)).toEqual(["zone"])
    const flat = await post({ zone, name: "X", type: "flat", steps: [{ price: 1 }] })
    expect(fieldsOf(flat)).toEqual(["steps"])
    const none = await call("POST", "admin/shipping/zones", { as, body: { name: "X", areas: [] } })
    expect(fieldsOf(none)).toEqual(["areas"])
  })

  it("changes what is said of a method, and nothing else", async () => {
    const as = await make.user("staff")
    const made = await shippingMethod({ free_from: "100.00", min_days: 1, max_days: 4 })
    const patch = (body: object) => call("PATCH", `admin/shipping/methods/${made.id}`, { as, body })
    let standing: Record<string, unknown> = { ...made }
    for (const change of [
      { name: "Slow" },
      { price: "6.50" },
      { free_from: "80.00" },
      { max_days: 9 },
      { is_active: false },
      { position: 3 },
      { free_from: null },
    ]) {
      standing = { ...standing, ...change }
      const { status, body } = await patch(change)
      expect([status, body]).toEqual([200, { ...standing, updated_at: body.updated_at }])
    }
  })

  it("keeps a method that fits together: its steps with its type", async () => {
    const as = await make.user("staff")
    const steps = [{ up_to_total: "50.00", price: "4.00" }]
    const made = await shippingMethod({ type: "total", price: 0, steps })
    const patch = (body: object) => call("PATCH", `admin/shipping/methods/${made.id}`, { as, body })
    for (const [body, fields] of [
      [{ type: "weight" }, ["steps"]],
      [{ type: "weight", steps }, ["steps.0"]],
      [{ type: "weight", steps: [] }, ["steps"]],
      [{ type: "flat" }, ["steps"]],
      [{ steps: [...steps, ...steps] }, ["steps"]],
      [{ free_from: "1.001", price: "99999999999.99" }, ["free_from", "price"]],
    ] as const) {
      const answer = await patch(body)
      expectProblem(answer, 400, "invalid-input")
      expect([body, fieldsOf(answer)]).toEqual([body, fields])
    }
    expect((await patch({})).body).toMatchObject({ type: "total", steps })
    expect((await patch({ type: "flat", steps: [] })).body).toMatchObject({
      type: "flat",
      steps: [],
    })
  })

  it("takes a method away once, whoever asks", async () => {
    const as = await make.user("staff")
    const { id } = await shippingMethod()
    const path = `admin/shipping/methods/${id}`
    const answers = await Promise.all([1, 2].map(() => call("DELETE", path, { as })))
    expect(tally(answers)).toEqual({ "204": 1, "404 not-found": 1 })
  })
})

describe("GET /shipping/methods", () => {
  it("prices the methods of the closest zone for the caller's cart, in one round trip", async () => {
    await shippingMethod({ name: "World", price: 20 }, [{ country: "*" }])
    await shippingMethod({ name: "Britain", price: 4, free_from: 25 })
    await shippingMethod({ name: "Off", price: 1, is_active: false })
    await shippingMethod({ name: "Highlands", price: 9 }, [{ country: "GB", postal_prefix: "IV" }])
    const product = await make.product()
    const body = { product_id: product.id, quantity: 2 }
    const cart = await call("POST", "cart/items", { body })
    const headers = { "x-cart-token": cart.headers.get("x-cart-token") ?? "" }
    const ask = (query: string) => call("GET", `shipping/methods?${query}`, { headers })
    const britain = await ask("country=gb")
    expect(toPrices(britain)).toEqual(["Britain 4.00"])
    expect(roundTrips(britain)).toBe(1)
    expect(britain.headers.get("cache-control")).toBe("private, no-store")
    expect(toPrices(await ask("country=GB&postal_code=iv2+3bq"))).toEqual(["Highlands 9.00"])
    expect(toPrices(await ask("country=FR"))).toEqual(["World 20.00"])
    expect(toPrices(await ask(""))).toEqual(["Britain 4.00", "Highlands 9.00", "World 20.00"])
    await call("POST", "cart/items", { body: { ...body, quantity: 1 }, headers })
    expect(toPrices(await ask("country=GB"))).toEqual(["Britain 0.00"])
  })

  it("prices what the query says instead", async () => {
    await shippingMethod({
      name: "Parcel",
      type: "weight",
      steps: [
        { up_to_grams: 1000, price: 3 },
        { up_to_grams: 5000, price: 7 },
      ],
    })
    await shippingMethod({ name: "Courier", price: 12, free_from: 100 })
    const ask = async (query: string) =>
      toPrices(await call("GET", `shipping/methods?country=GB&${query}`))
    expect(await ask("weight=1000")).toEqual(["Parcel 3.00", "Courier 12.00"])
    expect(await ask("weight=1001&subtotal=100")).toEqual(["Courier 0.00", "Parcel 7.00"])
    expect(await ask("weight=5001")).toEqual(["Courier 12.00"])
    const wrong = await call("GET", "shipping/methods?country=GBR&weight=x&subtotal=-1")
    expect(fieldsOf(wrong)).toEqual(["country", "subtotal", "weight"])
    expect(fieldsOf(await call("GET", "shipping/methods?subtotal=1.005"))).toEqual(["subtotal"])
  })

  it("offers nothing for what is not sent", async () => {
    await shippingMethod()
    const book = await make.product({ is_digital: true })
    const as = await make.user()
    await call("POST", "cart/items", { as, body: { product_id: book.id } })
    expect((await call("GET", "shipping/methods?country=GB", { as })).body).toEqual({
      shipping_required: false,
      currency: "USD",
      results: [],
    })
  })
})

describe("a price", () => {
  it("has the cheapest way to be sent that is no pickup, or the one asked for", async () => {
    await shippingMethod({ name: "Collect", type: "pickup" })
    await shippingMethod({ name: "Express", price: 15 })
    const { id } = await shippingMethod({ name: "Slow", price: 3 })
    const pickup = await shippingMethod({ name: "Corner shop", type: "pickup", price: 1 })
    const items = await things(await make.product())
    const sent = async (shippingMethodId?: string) => {
      const request = { items, destination: london, shippingMethod: shippingMethodId }
      const { shipping, totalAmount } = await price(ctx(), request)
      return [shipping?.name, totalAmount]
    }
    expect(await sent()).toEqual(["Slow", 1300])
    expect(await sent(id)).toEqual(["Slow", 1300])
    expect(await sent(pickup.id)).toEqual(["Corner shop", 1100])
    const french = { items, destination: { ...london, country: "FR" } }
    for (const shippingMethodId of ["none", "", id]) {
      const destination = shippingMethodId === id ? french.destination : london
      await expect(
        price(ctx(), { items, destination, shippingMethod: shippingMethodId }),
      ).rejects.toMatchObject({
        code: "invalid-input",
        details: { errors: [{ field: "shipping_method" }] },
      })
    }
    await expect(price(ctx(), french)).rejects.toMatchObject({ code: "shipping-unavailable" })
  })

  it("has no shipping in a shop without methods, for digital things, and before it is known where to", async () => {
    const [mug, book] = [await make.product(), await make.product({ is_digital: true })]
    const of = async (id: { id: string }, destination?: typeof london) => {
      const quoted = await price(ctx(), { items: await things(id), destination })
      return [quoted.shipping, quoted.totalAmount]
    }
    expect(await of(mug, london)).toEqual([null, 1000])
    await shippingMethod()
    expect(await of(mug)).toEqual([null, 1000])
    expect(await of(book, { ...london, country: "FR" })).toEqual([null, 1000])
    expect(await of(mug, london)).toEqual([expect.objectContaining({ name: "Standard" }), 1500])
  })

  it("has the taxes of the place it goes to, by the class of each thing and of the shipping", async () => {
    await taxRate()
    await taxRate({ name: "Reduced", rate: 5, tax_class: "reduced" })
    await taxRate({ name: "Island", rate: "1.5", postal_prefix: "JE", priority: 2 })
    await shippingMethod({ tax_class: "reduced" })
    const items = await things(
      await make.product(),
      await make.product({ tax_class: "reduced" }),
      await make.product({ tax_class: "none" }),
    )
    const quoted = await price(ctx(), { items, destination: london })
    expect(quoted.lines.map(({ taxAmount }) => taxAmount)).toEqual([200, 50, 0])
    expect([quoted.shipping?.taxAmount, quoted.totalAmount]).toEqual([25, 3775])
    const island = await price(ctx(), { items, destination: { ...london, postalCode: "je2 3ab" } })
    expect(island.lines[0]?.taxes).toEqual([
      { name: "VAT", rate: "20", amount: 200 },
      { name: "Island", rate: "1.5", amount: 15 },
    ])
    expect((await price(ctx(), { items })).taxAmount).toBe(0)
  })

  it("contains its taxes where the store says so", async () => {
    await taxRate()
    const made = ctx()
    const pricing = { ...made.config.pricing, pricesIncludeTax: true }
    const as = { ...made, config: { ...made.config, pricing } }
    const items = await things({ ...(await make.product({ price: "12.00" })), quantity: 2 })
    expect(await price(as, { items, destination: london })).toMatchObject({
      taxAmount: 0,
      includedTaxAmount: 400,
      totalAmount: 2400,
    })
  })

  it("with free shipping stands by in the cart, and is free at the door", async () => {
    await shippingMethod()
    await promotion({ code: "SHIP", action: { type: "free_shipping" } })
    const request = { items: await things(await make.product()), codes: ["ship"] }
    expect(await price(ctx(), request)).toMatchObject({
      refused: [],
      promotions: [{ code: "SHIP", discountAmount: 0 }],
    })
    expect(await price(ctx(), { ...request, destination: london })).toMatchObject({
      promotions: [{ code: "SHIP", discountAmount: 500 }],
      shippingAmount: 0,
      totalAmount: 1000,
    })
  })
})
