import { Secret, TOTP } from "otpauth"
import { beforeEach, describe, expect, it, vi } from "vitest"

import { call } from "../support/api.ts"
import { newAuthenticator } from "../support/authenticator.ts"
import * as make from "../support/make.ts"
import { browser, fakeProviders } from "../support/oauth-provider.ts"
import { person, secret } from "../support/people.ts"
import { countOf, rows, roundTrips } from "../support/shop.ts"
import { send } from "../support/wire.ts"

type Tokens = { access: string }

/** A guest with two rakes in the cart, and how they send its token. */
async function guest() {
  const product = await make.product({ name: "Rake", stock_quantity: 9 })
  const added = await call("POST", "cart/items", { body: { product_id: product.id, quantity: 2 } })
  const token: string = added.body.token
  return { product, token, headers: { "x-cart-token": token } }
}

const itemsOf = async (as: Tokens) => (await call("GET", "cart", { as })).body.items
const rakes = (n: number) => [{ product: { name: "Rake" }, quantity: n }]

describe("what a guest put in is there as soon as they are signed in", () => {
  it("by registering", async () => {
    const { headers } = await guest()
    const { status, body } = await call("POST", "auth/register", {
      body: { email: "new@example.com", password: secret },
      headers,
    })
    expect(status).toBe(201)
    expect(await itemsOf(body)).toMatchObject(rakes(2))
    expect((await call("GET", "cart", { headers })).body.items).toEqual([])
  })

  it("by their password, and adds to what they had", async () => {
    const { product, token } = await guest()
    const ada = await person()
    await call("POST", "cart/items", { as: ada, body: { product_id: product.id, quantity: 3 } })
    const { body } = await call("POST", "auth/login", {
      body: { email: ada.email, password: secret },
      headers: { cookie: `cart_token=${token}` },
    })
    expect(await itemsOf(body)).toMatchObject(rakes(5))
    expect(await countOf("cart_lines")).toBe(1)
  })

  it("with a wrong password not at all", async () => {
    const { headers } = await guest()
    const ada = await person()
    const refused = await call("POST", "auth/login", {
      body: { email: ada.email, password: "another one" },
      headers,
    })
    expect(refused.status).toBe(401)
    expect((await call("GET", "cart", { headers })).body.items).toMatchObject(rakes(2))
    expect(await itemsOf(ada)).toEqual([])
  })

  it("by a second factor, and not before it", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2031-11-20T10:00:00.000Z") })
    const { headers } = await guest()
    const ada = await person()
    const post = (path: string, body: unknown, as?: Tokens) =>
      send("POST", `auth/${path}`, { body, as, headers: as ? {} : headers })
    const codeOf = (base32: string) => TOTP.generate({ secret: Secret.fromBase32(base32) })
    const base32 = (await post("mfa/enrol", { password: secret }, ada)).body.secret as string
    await post("mfa/confirm", { code: codeOf(base32) }, ada)
    vi.setSystemTime(Date.now() + 30_000)
    const first = await post("login", { email: ada.email, password: secret })
    expect(first.body.mfa_required).toBe(true)
    expect(await itemsOf(ada)).toEqual([])
    const code = codeOf(base32)
    const second = await post("mfa/challenge", { mfa_token: first.body.mfa_token, code })
    expect(await itemsOf(second.body)).toMatchObject(rakes(2))
  })

  it("by a passkey", async () => {
    const { headers } = await guest()
    const ada = await person()
    const device = await newAuthenticator()
    const options = (await send("POST", "auth/passkeys/options", { body: {}, as: ada })).body
    await send("POST", "auth/passkeys", {
      body: { response: await device.create(options) },
      as: ada,
    })
    const asked = (await send("POST", "auth/passkeys/login/options")).body
    const { status, body } = await send("POST", "auth/passkeys/login", {
      body: { response: await device.get(asked) },
      headers,
    })
    expect(status).toBe(200)
    expect(await itemsOf(body)).toMatchObject(rakes(2))
  })

  it("at a provider, in the browser that holds the cookie", async () => {
    const fake = fakeProviders()
    const { token } = await guest()
    const ada = browser()
    ada.jar.set("cart_token", token)
    const { status, body } = await ada.back(fake.authorize(await ada.begin("google")))
    expect(status).toBe(200)
    expect(await itemsOf(body)).toMatchObject(rakes(2))
  })

  it("and from then on with any request that brings both", async () => {
    const { product, headers } = await guest()
    const ada = await person()
    const added = await call("POST", "cart/items", {
      as: ada,
      headers,
      body: { product_id: product.id },
    })
    expect(added.body).toMatchObject({ user: ada.id, items: [{ quantity: 3 }] })
    const placed = await call("POST", "cart/items", { headers, body: { product_id: product.id } })
    expect(placed.body.items).toMatchObject(rakes(1))
    const order = await call("POST", "cart/checkout", {
      as: ada,
      headers,
      body: { shipping_address: { street: "1 Way", city: "London", country: "GB" } },
    })
    expect(order.body.items).toMatchObject([{ quantity: 4 }])
  })
})

describe("signing in twice at once", () => {
  beforeEach(() => {
    vi.useRealTimers()
  })

  it("on one device merges once", async () => {
    const { headers } = await guest()
    const ada = await person()
    const answers = await Promise.all(
      Array.from({ length: 4 }, () =>
        call("POST", "auth/login", { body: { email: ada.email, password: secret }, headers }),
      ),
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(await itemsOf(ada)).toMatchObject(rakes(2))
  })
})

it("a browser forgets the token of a cart that is the user's by now", async () => {
  const { token } = await guest()
  const ada = await person()
  const cookie = { cookie: `cart_token=${token}` }
  const first = await call("GET", "cart", { as: ada, headers: cookie })
  expect(first.body.items).toMatchObject(rakes(2))
  expect(first.headers.get("set-cookie")).toMatch(/^cart_token=; Max-Age=0/)
  expect((await call("GET", "cart", { as: ada })).headers.get("set-cookie")).toBeNull()
})

it("costs the sign-in no round trip, and a look into the cart at most one", async () => {
  const { headers } = await guest()
  const ada = await person()
  const login = (sent: Record<string, string>) =>
    call("POST", "auth/login", { body: { email: ada.email, password: secret }, headers: sent })
  const plain = await login({})
  const brought = await login(headers)
  expect(roundTrips(brought)).toBe(roundTrips(plain))
  expect(roundTrips(await call("GET", "cart", { as: ada }))).toBe(2)
  expect(roundTrips(await call("GET", "cart", { as: ada, headers }))).toBe(3)
})

it("leaves of the guest's cart what an order of it would trip over", async () => {
  const { headers } = await guest()
  const ada = await person()
  await call("GET", "cart", { as: ada, headers })
  expect(await rows("SELECT status FROM carts WHERE user_id IS NULL")).toEqual([
    { status: "merged" },
  ])
})
