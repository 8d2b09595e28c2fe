import { env } from "cloudflare:workers"
import { describe, expect, it } from "vitest"

import * as addresses from "#modules/users/addresses.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { rows } from "../support/people.ts"
import { expectProblem, fieldsOf } from "../support/wire.ts"

type Who = { access: string }

const london = {
  first_name: "Ada",
  last_name: "Lovelace",
  address_line_1: "12 St James's Square",
  city: "London",
  postal_code: "SW1Y 4JH",
  country: "GB",
  phone_number: "+442079460000",
}

const add = async (as: Who, over: Record<string, unknown> = {}) => {
  const { status, body } = await call("POST", "users/me/addresses", {
    as,
    body: { ...london, ...over },
  })
  expect(status).toBe(201)
  return body
}

const defaults = async (id: string) =>
  (await rows("SELECT id FROM addresses WHERE user_id = ? AND is_default = 1", id)).map(
    (row) => row["id"],
  )

describe("the requirement documents' cases", () => {
  it("C085: an address in full is added, and is the default", async () => {
    const as = await make.user()
    const { status, body } = await call("POST", "/api/v1/auth/addresses/", {
      as,
      body: { ...london, is_default: true },
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({ ...london, address_line_2: "", state: "", is_default: true })
    expect(Object.keys(body).toSorted()).toEqual([
      "address_line_1",
      "address_line_2",
      "city",
      "country",
      "created_at",
      "first_name",
      "id",
      "is_default",
      "last_name",
      "phone_number",
      "postal_code",
      "state",
      "updated_at",
    ])
  })

  it("C086: street, zip_code and phone are other spellings", async () => {
    const as = await make.user()
    const { status, body } = await call("POST", "/api/v1/users/addresses/", {
      as,
      body: {
        street: "123 Main St",
        city: "Anytown",
        state: "CA",
        zip_code: "12345",
        country: "us",
        phone: "555 0100",
        is_default: true,
      },
    })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      address_line_1: "123 Main St",
      postal_code: "12345",
      country: "US",
      phone_number: "555 0100",
    })
  })

  it("C087: of two defaults the second is it", async () => {
    const as = await make.user()
    await add(as, { is_default: true })
    const second = await add(as, { is_default: true, city: "Paris" })
    const { status, body } = await call("GET", "/api/v1/auth/addresses/default/", { as })
    expect(status).toBe(200)
    expect(body).toMatchObject({ id: second.id, city: "Paris", is_default: true })
    expect(await defaults(as.id)).toEqual([second.id])
  })

  it("C088: somebody else's is not there, on any method", async () => {
    const ada = await make.user()
    const eve = await make.user("admin")
    const { id } = await add(ada)
    for (const [method, path, body] of [
      ["GET", `auth/addresses/${id}/`],
      ["PUT", `users/me/addresses/${id}`, { city: "Paris" }],
      ["PATCH", `users/me/addresses/${id}`, { city: "Paris", is_default: true }],
      ["POST", `users/me/addresses/${id}/set-default`],
      ["DELETE", `users/me/addresses/${id}`],
    ] as const)
      expectProblem(await call(method, path, { as: eve, body }), 404, "not-found")
    const { body } = await call("GET", `users/me/addresses/${id}`, { as: ada })
    expect(body).toMatchObject({ city: "London", is_default: true })
    expect((await call("GET", "users/me/addresses", { as: eve })).body.count).toBe(0)
  })
})

describe("the address book", () => {
  it("is for who is signed in", async () => {
    for (const [method, path] of [
      ["GET", "users/me/addresses"],
      ["POST", "users/me/addresses"],
      ["GET", "users/me/addresses/default"],
      ["GET", "users/me/addresses/adr_1"],
      ["PUT", "users/me/addresses/adr_1"],
      ["PATCH", "users/me/addresses/adr_1"],
      ["DELETE", "users/me/addresses/adr_1"],
      ["POST", "users/me/addresses/adr_1/set-default"],
    ] as const)
      expectProblem(await call(method, path), 401, "unauthenticated")
  })

  it("makes the first address the default, and leaves it so", async () => {
    const as = await make.user()
    expectProblem(await call("GET", "users/me/addresses/default", { as }), 404, "not-found")
    const first = await add(as, { is_default: false })
    const second = await add(as)
    expect([first.is_default, second.is_default]).toEqual([true, false])
    const { body } = await call("GET", "users/me/addresses", { as })
    expect(body.results.map(({ id }: { id: string }) => id)).toEqual([second.id, first.id])
  })

  it("set-default moves it; again changes nothing; the other spelling does too", async () => {
    const as = await make.user()
    const first = await add(as)
    const second = await add(as)
    const { status, body } = await call("POST", `users/me/addresses/${second.id}/set-default`, {
      as,
    })
    expect(status).toBe(200)
    expect(body).toMatchObject({
      message: "Default address updated.",
      address: { id: second.id, is_default: true },
    })
    await call("POST", `users/me/addresses/${second.id}/set-default`, { as })
    expect(await defaults(as.id)).toEqual([second.id])
    await call("POST", `auth/addresses/${first.id}/set_default/`, { as })
    expect(await defaults(as.id)).toEqual([first.id])
  })

  it("changes what is sent, and nothing else", async () => {
    const as = await make.user()
    await add(as)
    const { id } = await add(as)
    const { body } = await call("PATCH", `users/me/addresses/${id}`, {
      as,
      body: { city: "Paris", country: "fr", zip_code: "75001" },
    })
    expect(body).toMatchObject({
      first_name: "Ada",
      city: "Paris",
      country: "FR",
      postal_code: "75001",
      is_default: false,
    })
    const moved = await call("PUT", `users/me/addresses/${id}`, { as, body: { is_default: true } })
    expect(moved.body).toMatchObject({ city: "Paris", is_default: true })
    const kept = await call("PATCH", `users/me/addresses/${id}`, {
      as,
      body: { is_default: false },
    })
    expect(kept.body.is_default).toBe(true)
    expect(await defaults(as.id)).toEqual([id])
    expect((await call("GET", `users/me/addresses/${id}`, { as })).body).toEqual(kept.body)
  })

  it("deletes; the newest other becomes the default; of the last one nothing is left", async () => {
    const as = await make.user()
    const first = await add(as)
    const second = await add(as)
    const third = await add(as)
    const remove = async (id: string) =>
      (await call("DELETE", `users/me/addresses/${id}`, { as })).status
    expect(await remove(first.id)).toBe(204)
    expect(await defaults(as.id)).toEqual([third.id])
    expect(await remove(second.id)).toBe(204)
    expect(await defaults(as.id)).toEqual([third.id])
    expect(await remove(third.id)).toBe(204)
    expect(await remove(third.id)).toBe(404)
    expectProblem(await call("GET", "users/me/addresses/default", { as }), 404, "not-found")
    expect((await call("GET", "users/me/addresses", { as })).body.results).toEqual([])
  })

  it("names every field that is wrong", async () => {
    const as = await make.user()
    const bad = await call("POST", "users/me/addresses", {
      as,
      body: { address_line_1: " ", country: "Kenya", postal_code: "x".repeat(21), is_default: 1 },
    })
    expectProblem(bad, 400, "invalid-input")
    expect(fieldsOf(bad)).toEqual([
      ["address_line_1", "/address_line_1"],
      ["city", "/city"],
      ["country", "/country"],
      ["is_default", "/is_default"],
      ["postal_code", "/postal_code"],
    ])
    for (const body of ["[]", "null", '"x"', "{", '{"city":{"$ne":1}}'])
      expect((await call("POST", "users/me/addresses", { as, body, headers: json })).status).toBe(
        400,
      )
    expect(await rows("SELECT id FROM addresses")).toEqual([])
  })

  it("takes no owner, id or time from the client", async () => {
    const as = await make.user()
    const eve = await make.user()
    const stolen = {
      id: "adr_mine",
      user: eve.id,
      user_id: eve.id,
      role: "admin",
      is_staff: true,
      is_superuser: true,
      is_active: false,
      is_verified: true,
      status: "x",
      payment_status: "paid",
      price: "0.01",
      total: "0.01",
      created_at: "2020-01-01T00:00:00.000Z",
      updated_at: "2020-01-01T00:00:00.000Z",
    }
    const made = await add(as, stolen)
    expect(made.id).toMatch(/^adr_[0-9a-z]{26}$/)
    expect(made.created_at > "2026").toBe(true)
    const { body } = await call("PATCH", `users/me/addresses/${made.id}`, { as, body: stolen })
    expect(body).toEqual({ ...made, updated_at: body.updated_at })
    expect(body.updated_at > "2026").toBe(true)
    expect(await rows("SELECT user_id FROM addresses")).toEqual([{ user_id: as.id }])
  })

  it("holds a hundred", async () => {
    const as = await make.user()
    const { id } = await add(as)
    await env.DB.prepare(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99)
       INSERT INTO addresses SELECT 'adr_' || i, user_id, first_name, last_name, address_line_1, address_line_2, city, state, postal_code, country, phone_number, 0, created_at, updated_at FROM addresses, n WHERE id = ?`,
    )
      .bind(id)
      .run()
    const full = await call("POST", "users/me/addresses", { as, body: london })
    expectProblem(full, 400, "invalid-input")
    expect(full.body.detail).toBe("An address book holds at most 100 addresses.")
  })

  it("with one idempotency key adds one", async () => {
    const as = await make.user()
    const headers = { "idempotency-key": "a" }
    const one = await call("POST", "users/me/addresses", { as, headers, body: london })
    const two = await call("POST", "users/me/addresses", { as, headers, body: london })
    expect(two.body).toEqual(one.body)
    expect(await rows("SELECT id FROM addresses")).toHaveLength(1)
  })
})

describe("exactly one default", () => {
  it("of ten first addresses at once, and the answers say which", async () => {
    const as = await make.user()
    const made = await Promise.all(Array.from({ length: 10 }, () => add(as)))
    const [only, ...none] = await defaults(as.id)
    expect(none).toEqual([])
    expect(made.filter(({ is_default }) => is_default).map(({ id }) => id)).toEqual([only])
  })

  it("of ten that all want to be it", async () => {
    const as = await make.user()
    await Promise.all(Array.from({ length: 10 }, () => add(as, { is_default: true })))
    expect(await defaults(as.id)).toHaveLength(1)
    expect(await rows("SELECT id FROM addresses")).toHaveLength(10)
  })

  it("whatever is moved, deleted and added at once", async () => {
    const as = await make.user()
    const made = [await add(as), await add(as), await add(as), await add(as), await add(as)]
    for (let round = 0; round < 3; round++) {
      const [one, two, ...rest] = made.slice(round)
      await Promise.all([
        call("POST", `users/me/addresses/${two.id}/set-default`, { as }),
        call("DELETE", `users/me/addresses/${one.id}`, { as }),
        call("DELETE", `users/me/addresses/${one.id}`, { as }),
        call("PATCH", `users/me/addresses/${rest[0].id}`, { as, body: { is_default: true } }),
        call("POST", `users/me/addresses/${one.id}/set-default`, { as }),
        add(as),
      ])
      expect(await defaults(as.id)).toHaveLength(1)
    }
  })

  it("when an address is deleted under the one who makes it the default", async () => {
    const user = await make.user()
    const first = await add(user)
    const second = await add(user)
    const me = ctx({ as: user })
    // Read, then deleted by another request, then written.
    const slow = {
      ...me,
      db: new Proxy(me.db, {
        get: (db, name, self) =>
          name === "batch"
            ? async (...given: [never]) => {
                await addresses.remove(ctx({ as: user }), second.id).catch(() => undefined)
                return db.batch(...given)
              }
            : Reflect.get(db, name, self),
      }),
    }
    for (const late of [
      () => addresses.setDefault(slow, second.id),
      () => addresses.update(slow, second.id, { is_default: true }),
      () => addresses.remove(slow, second.id),
    ])
      await expect(late()).rejects.toMatchObject({ code: "not-found" })
    expect(await defaults(user.id)).toEqual([first.id])
  })

  it("an account that was closed meanwhile gets no address", async () => {
    const user = await make.user()
    await env.DB.prepare("UPDATE users SET is_active = 0 WHERE id = ?").bind(user.id).run()
    const answer = await call("POST", "users/me/addresses", { as: user, body: london })
    expectProblem(answer, 401, "unauthenticated")
    expect(await rows("SELECT id FROM addresses")).toEqual([])
  })
})

describe("an order to an address of the book", () => {
  const order = (as: Who | undefined, over: Record<string, unknown>, id: string) =>
    call("POST", "orders", {
      as,
      body: { items: [{ product_id: id, quantity: 1 }], ...over },
    })

  it("keeps the address as it was", async () => {
    const as = await make.user()
    const product = await make.product()
    const ship = await add(as)
    const bill = await add(as, { city: "Paris", country: "FR" })
    const placed = await order(
      as,
      { shipping_address: ship.id, billing_address: bill.id },
      product.id,
    )
    expect(placed.status).toBe(201)
    expect(placed.body.shipping_address).toEqual({ ...london, address_line_2: "", state: "" })
    expect(placed.body.billing_address.city).toBe("Paris")
    await call("PATCH", `users/me/addresses/${ship.id}`, { as, body: { city: "Leeds" } })
    await call("DELETE", `users/me/addresses/${bill.id}`, { as })
    const { body } = await call("GET", `orders/${placed.body.id}`, { as })
    expect(body.shipping_address.city).toBe("London")
    expect(body.billing_address.city).toBe("Paris")
  })

  it("takes the shipping address for billing too, unless told otherwise", async () => {
    const as = await make.user()
    const product = await make.product()
    const { id } = await add(as)
    const same = await order(as, { shipping_address: id }, product.id)
    expect(same.body.billing_address).toEqual(same.body.shipping_address)
    const none = await order(
      as,
      { shipping_address: id, use_shipping_as_billing: false },
      product.id,
    )
    expect(none.body.billing_address).toBeNull()
  })

  it("refuses an unknown one, somebody else's, and any of a guest's, naming the field; no stock is held", async () => {
    const ada = await make.user()
    const eve = await make.user()
    const product = await make.product()
    const { id } = await add(ada)
    for (const [as, shipping_address] of [
      [eve, id],
      [eve, "adr_nothing"],
      [eve, ""],
      [eve, 7],
      [undefined, id],
    ] as const) {
      const refused = await order(as, { shipping_address, email: "g@example.com" }, product.id)
      expectProblem(refused, 400, "invalid-input")
      expect(fieldsOf(refused)).toEqual([["shipping_address", "/shipping_address"]])
    }
    const refused = await order(ada, { shipping_address: id, billing_address: "x" }, product.id)
    expect(fieldsOf(refused)).toEqual([["billing_address", "/billing_address"]])
    const { body } = await call("GET", `products/${product.id}/availability`)
    expect(body.available).toBe(5)
    expect(await rows("SELECT id FROM orders")).toEqual([])
  })

  it("in full still names the fields inside", async () => {
    const as = await make.user()
    const product = await make.product()
    const refused = await order(
      as,
      { shipping_address: { street: "1 Main St", country: "Kenya" }, billing_address: [] },
      product.id,
    )
    expect(fieldsOf(refused)).toEqual([
      ["billing_address", "/billing_address"],
      ["shipping_address.city", "/shipping_address/city"],
      ["shipping_address.country", "/shipping_address/country"],
    ])
    expect(
      refused.body.errors.find(({ field }: { field: string }) => field.endsWith("city")).detail,
    ).toBe("This field is required.")
    const missing = await order(as, {}, product.id)
    expect(fieldsOf(missing)).toEqual([["shipping_address", "/shipping_address"]])
    const spelled = await order(
      as,
      { shipping_address: { street: "1 Main St", city: "X", country: "us", zip_code: "1" } },
      product.id,
    )
    expect(spelled.body.shipping_address).toMatchObject({
      address_line_1: "1 Main St",
      country: "US",
    })
  })
})

const json = { "content-type": "application/json" }
