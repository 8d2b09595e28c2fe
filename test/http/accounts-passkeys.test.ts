import { beforeEach, describe, expect, it, vi } from "vitest"

import { base64url } from "#lib/secret.ts"

import { call } from "../support/api.ts"
import { newAuthenticator, type Twist } from "../support/authenticator.ts"
import { person, rows, secret } from "../support/people.ts"
import { expectProblem, fieldsOf, send } from "../support/wire.ts"

type Person = Awaited<ReturnType<typeof person>>
type Device = Awaited<ReturnType<typeof newAuthenticator>>

const began = Date.parse("2031-11-20T10:00:00.000Z")
const minutes = 60_000
const later = (ms: number) => vi.setSystemTime(began + ms)

const post = (path: string, body?: unknown, as?: { access: string }) =>
  send("POST", `auth/passkeys${path}`, { body, as })
const audited = async ({ id }: Person) =>
  (await rows("SELECT action FROM audit WHERE user_id = ? ORDER BY rowid", id)).map(
    ({ action }) => action,
  )

async function register(user: Person, device: Device, name?: string) {
  const options = (await post("/options", {}, user)).body
  const { status, body } = await post("", { response: await device.create(options), name }, user)
  expect(status).toBe(201)
  return body
}

/** A device whose passkey this account has. */
async function deviceOf(user: Person): Promise<Device> {
  const device = await newAuthenticator()
  await register(user, device)
  return device
}

async function signIn(device: Device, twist: Twist = {}) {
  const options = (await post("/login/options")).body
  return post("/login", { response: await device.get(options, twist) })
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: began })
})

describe("adding a passkey", () => {
  it("answers options that name the site, the account, and what it has already", async () => {
    const user = await person()
    const first = await post("/options", {}, user)
    expect(first.status).toBe(200)
    expect(first.body).toMatchObject({
      rp: { id: "localhost", name: "Nexus" },
      user: { id: base64url(new TextEncoder().encode(user.id)), name: user.email },
      challenge: expect.stringMatching(/^[\w-]{43}$/),
      pubKeyCredParams: [{ alg: -8 }, { alg: -7 }, { alg: -257 }],
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
      attestation: "none",
      excludeCredentials: [],
    })
    const device = await deviceOf(user)
    const { body } = await post("/options", {}, user)
    expect(body.excludeCredentials).toEqual([
      { id: device.id, type: "public-key", transports: ["internal"] },
    ])
    expectProblem(await post("/options", {}), 401, "unauthenticated")
  })

  it("keeps it by its id, under the name given", async () => {
    const user = await person()
    const device = await newAuthenticator()
    expect(await register(user, device, "Ada's phone")).toEqual({
      id: device.id,
      name: "Ada's phone",
      transports: ["internal"],
      created_at: "2031-11-20T10:00:00.000Z",
      last_used_at: null,
    })
    const { body } = await call("GET", "auth/passkeys", { as: user })
    expect(body).toMatchObject({ count: 1, results: [{ id: device.id, name: "Ada's phone" }] })
    expect((await call("GET", "auth/mfa", { as: user })).body.passkeys).toBe(1)
    expect(await audited(user)).toEqual(["passkey.added"])
  })

  it("asks for the password once the sign-in is 15 minutes old", async () => {
    const user = await person()
    later(14 * minutes)
    expect((await post("/options", {}, user)).status).toBe(200)
    later(15 * minutes)
    const refused = await post("/options", {}, user)
    expectProblem(refused, 400, "invalid-input")
    expect(fieldsOf(refused)).toEqual([["password", "/password"]])
    const wrong = await post("/options", { password: "not this one" }, user)
    expect(wrong.body.errors).toMatchObject([{ field: "password", code: "wrong" }])
    expect((await post("/options", { password: secret }, user)).status).toBe(200)
  })

  it.each<[string, Twist]>([
    ["of another origin", { origin: "https://evil.example" }],
    ["of our origin at another port", { origin: "http://localhost:3000" }],
    ["of a challenge that we did not set", { challenge: base64url(new Uint8Array(32)) }],
    ["of another site", { rpId: "evil.example" }],
    ["out of somebody's frame", { crossOrigin: true }],
    ["whose user was not verified", { isVerified: false }],
    ["whose user was not there", { isPresent: false, isVerified: false }],
    ["of a sign-in", { type: "webauthn.get" }],
  ])("refuses one %s", async (_, twist) => {
    const user = await person()
    const device = await newAuthenticator()
    const options = (await post("/options", {}, user)).body
    const answer = await post("", { response: await device.create(options, twist) }, user)
    expectProblem(answer, 400, "invalid-input")
    expect(answer.body.errors).toMatchObject([{ field: "response", code: "invalid" }])
    expect(await rows("SELECT * FROM passkeys")).toEqual([])
  })

  it("takes an answer once, within 5 minutes, from whom the options were for", async () => {
    const [ada, bob] = [await person(), await person()]
    const options = (await post("/options", {}, ada)).body
    const response = await (await newAuthenticator()).create(options)
    expectProblem(await post("", { response }, bob), 400, "invalid-input")
    expect((await post("", { response }, ada)).status).toBe(201)
    expectProblem(await post("", { response }, ada), 400, "invalid-input")
    const slow = (await post("/options", {}, ada)).body
    later(5 * minutes)
    const late = await (await newAuthenticator()).create(slow)
    expectProblem(await post("", { response: late }, ada), 400, "invalid-input")
    expect((await call("GET", "auth/passkeys", { as: ada })).body.count).toBe(1)
  })

  it("takes one of two answers to the same options at once", async () => {
    const user = await person()
    const options = (await post("/options", {}, user)).body
    const made = await Promise.all(
      [await newAuthenticator(), await newAuthenticator()].map((device) => device.create(options)),
    )
    const answers = await Promise.all(made.map((response) => post("", { response }, user)))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 400])
    expect(await rows("SELECT count(*) AS n FROM passkeys")).toEqual([{ n: 1 }])
  })

  it("refuses a passkey that another account has", async () => {
    const [ada, bob] = [await person(), await person()]
    const device = await deviceOf(ada)
    const options = (await post("/options", {}, bob)).body
    const answer = await post("", { response: await device.create(options) }, bob)
    expectProblem(answer, 409, "passkey-already-registered")
    expect(await rows("SELECT user_id FROM passkeys")).toEqual([{ user_id: ada.id }])
  })

  it("stops at twenty", async () => {
    const user = await person()
    for (let n = 0; n < 20; n++)
      await rows("INSERT INTO passkeys VALUES (?, ?, '', 0, '[]', '', '', NULL)", `${n}`, user.id)
    expectProblem(await post("/options", {}, user), 400, "invalid-input")
  })

  it.each([
    ["nothing", {}],
    ["text", { response: "yes" }],
    ["a list", { response: [] }],
    ["bytes that are no base64url", { response: { id: "<script>", rawId: "<script>" } }],
    [
      "no CBOR",
      {
        response: {
          id: "AAAA",
          rawId: "AAAA",
          type: "public-key",
          response: { clientDataJSON: "AAAA", attestationObject: "AAAA" },
        },
      },
    ],
  ])("answers 400 to %s", async (_, body) => {
    const user = await person()
    expectProblem(await post("", body, user), 400, "invalid-input")
  })
})

describe("signing in with a passkey", () => {
  it("needs no name and no password, and remembers when", async () => {
    const user = await person()
    const device = await deviceOf(user)
    const options = await post("/login/options")
    expect(options.body).toMatchObject({
      rpId: "localhost",
      userVerification: "required",
      challenge: expect.stringMatching(/^[\w-]{43}$/),
    })
    expect(options.body.allowCredentials ?? []).toEqual([])
    later(1 * minutes)
    const { status, body } = await post("/login", { response: await device.get(options.body) })
    expect(status).toBe(200)
    expect(body.user.id).toBe(user.id)
    expect(body.tokens).toEqual({ access: body.access, refresh: body.refresh })
    const list = await call("GET", "auth/passkeys", { as: body })
    expect(list.body.results[0].last_used_at).toBe("2031-11-20T10:01:00.000Z")
    expect((await signIn(device)).status).toBe(200)
    expect(await audited(user)).toEqual(["passkey.added", "session.started", "session.started"])
  })

  it.each<[string, Twist]>([
    ["another origin", { origin: "https://evil.example" }],
    ["our origin with https", { origin: "https://localhost:8787" }],
    ["a challenge that we did not set", { challenge: base64url(new Uint8Array(32)) }],
    ["another site", { rpId: "evil.example" }],
    ["somebody's frame", { crossOrigin: true }],
    ["a user who was not verified", { isVerified: false }],
    ["a user who was not there", { isPresent: false, isVerified: false }],
    ["a registration", { type: "webauthn.create" }],
    ["another account", { userHandle: base64url(new TextEncoder().encode("usr_other")) }],
  ])("refuses %s", async (_, twist) => {
    const user = await person()
    const device = await deviceOf(user)
    expectProblem(await signIn(device, twist), 401, "passkey-not-valid")
    expect(await rows("SELECT count(*) AS n FROM sessions")).toEqual([{ n: 1 }])
  })

  it("refuses another's signature, an edited one, and a passkey it does not know", async () => {
    const user = await person()
    const device = await deviceOf(user)
    const stranger = await newAuthenticator()
    const options = (await post("/login/options")).body
    const [ours, theirs] = [await device.get(options), await stranger.get(options)]
    const forged = { ...theirs, id: ours.id, rawId: ours.rawId }
    forged.response["userHandle"] = ours.response["userHandle"]
    expectProblem(await post("/login", { response: forged }), 401, "passkey-not-valid")
    const data = { ...ours, response: { ...ours.response, authenticatorData: "AAAA" } }
    expectProblem(await post("/login", { response: data }), 401, "passkey-not-valid")
    expectProblem(
      await post("/login", { response: await stranger.get(options, { userHandle: "AAAA" }) }),
      401,
      "passkey-not-valid",
    )
    expect((await post("/login", { response: ours })).status).toBe(200)
  })

  it("takes an answer once, and of ten at the same time one", async () => {
    const user = await person()
    const device = await deviceOf(user)
    const options = (await post("/login/options")).body
    const response = await device.get(options)
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => post("/login", { response })),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expectProblem(await post("/login", { response }), 401, "passkey-not-valid")
    // The challenge is used up, whatever else is signed with it.
    expectProblem(
      await post("/login", { response: await device.get(options) }),
      401,
      "passkey-not-valid",
    )
    expect(await rows("SELECT count(*) AS n FROM sessions")).toEqual([{ n: 2 }])
  })

  it("refuses a challenge of 5 minutes ago, and one of another ceremony", async () => {
    const user = await person()
    const device = await deviceOf(user)
    const options = (await post("/login/options")).body
    later(5 * minutes)
    const late = await device.get(options)
    expectProblem(await post("/login", { response: late }), 401, "passkey-not-valid")
    const { challenge } = (await post("/options", {}, user)).body
    expectProblem(await signIn(device, { challenge }), 401, "passkey-not-valid")
  })

  it("refuses a counter that went back or stood still: the device was copied", async () => {
    const user = await person()
    const device = await deviceOf(user)
    expect((await signIn(device, { counter: 7 })).status).toBe(200)
    expectProblem(await signIn(device, { counter: 7 }), 401, "passkey-not-valid")
    expectProblem(await signIn(device, { counter: 3 }), 401, "passkey-not-valid")
    expectProblem(await signIn(device, { counter: 0 }), 401, "passkey-not-valid")
    expect((await signIn(device, { counter: 8 })).status).toBe(200)
  })

  it("lets one in of two copies with the same counter at the same time", async () => {
    const user = await person()
    const device = await deviceOf(user)
    const answers = await Promise.all([
      signIn(device, { counter: 5 }),
      signIn(device, { counter: 5 }),
    ])
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401])
  })

  it("takes devices that do not count", async () => {
    const user = await person()
    const device = await deviceOf(user)
    expect((await signIn(device, { counter: 0 })).status).toBe(200)
    expect((await signIn(device, { counter: 0 })).status).toBe(200)
  })

  it("is no way into a closed account", async () => {
    const user = await person()
    const device = await deviceOf(user)
    await rows("UPDATE users SET is_active = 0 WHERE id = ?", user.id)
    expectProblem(await signIn(device), 401, "passkey-not-valid")
    expect(await audited(user)).toEqual(["passkey.added", "session.refused"])
  })

  it("goes by the origins that are set: the first one's host is the site", async () => {
    const over = { PASSKEY_ORIGINS: "https://shop.example, https://www.shop.example" }
    const user = await person()
    const device = await newAuthenticator("https://www.shop.example")
    const options = await send("POST", "auth/passkeys/options", { over, as: user })
    expect(options.body.rp.id).toBe("shop.example")
    const body = { response: await device.create(options.body) }
    const added = await send("POST", "auth/passkeys", { over, as: user, body })
    expect(added.status).toBe(201)
  })

  it("limits tries for an address", async () => {
    const over = { RATE_LIMITS: "on" }
    const device = await deviceOf(await person())
    const options = (await post("/login/options")).body
    const response = await device.get(options, { isVerified: false })
    const statuses: number[] = []
    for (let n = 0; n < 21; n++)
      statuses.push(
        (await send("POST", "auth/passkeys/login", { over, body: { response } })).status,
      )
    expect(statuses).toEqual([...Array.from({ length: 20 }, () => 401), 429])
  })
})

describe("removing a passkey", () => {
  it("needs the password; then it signs in no more", async () => {
    const user = await person()
    const device = await deviceOf(user)
    const path = `auth/passkeys/${device.id}`
    const bare = await send("DELETE", path, { as: user })
    expectProblem(bare, 400, "invalid-input")
    const wrong = await send("DELETE", path, { as: user, body: { password: "not this one" } })
    expectProblem(wrong, 400, "invalid-input")
    const done = await send("DELETE", path, { as: user, body: { password: secret } })
    expect(done.status).toBe(204)
    expectProblem(await signIn(device), 401, "passkey-not-valid")
    expect((await call("GET", "auth/passkeys", { as: user })).body.count).toBe(0)
    expect(await audited(user)).toEqual(["passkey.added", "session.refused", "passkey.removed"])
    expectProblem(
      await send("DELETE", path, { as: user, body: { password: secret } }),
      404,
      "not-found",
    )
  })

  it("is for its owner: to everybody else there is none", async () => {
    const [ada, bob] = [await person(), await person()]
    const device = await deviceOf(ada)
    const body = { password: secret }
    expectProblem(
      await send("DELETE", `auth/passkeys/${device.id}`, { as: bob, body }),
      404,
      "not-found",
    )
    expect((await call("GET", "auth/passkeys", { as: bob })).body.count).toBe(0)
    expect((await signIn(device)).status).toBe(200)
  })

  it("happens once of two at the same time", async () => {
    const user = await person()
    const device = await deviceOf(user)
    const remove = () =>
      send("DELETE", `auth/passkeys/${device.id}`, { as: user, body: { password: secret } })
    const answers = await Promise.all([remove(), remove()])
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([204, 404])
    expect(await audited(user)).toEqual(["passkey.added", "passkey.removed"])
  })
})
