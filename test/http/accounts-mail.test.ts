import { createExecutionContext } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { describe, expect, it, vi } from "vitest"

import { app } from "#app.ts"
import { configOf } from "#config.ts"
import { newId } from "#lib/id.ts"
import * as email from "#modules/notifications/email.ts"
import { deliver } from "#subscribers.ts"

import { call } from "../support/api.ts"
import { ctx } from "../support/ctx.ts"
import { isMailed, linkOf, mailbox, mailOf, tokenOf } from "../support/mail.ts"
import * as make from "../support/make.ts"

const letter = {
  template: "verify-email",
  to: "ada@example.com",
  subject: "Verify",
  text: "text",
  html: "<p>text</p>",
}

async function signUp(address: string, headers: Record<string, string> = {}) {
  const body = { email: address, password: "correct horse battery" }
  const answer = await call("POST", "auth/register", { body, headers })
  expect(answer.status).toBe(201)
  return answer.body
}

const event = () => newId("event", new Date())

describe("a mail goes out at most once an event", () => {
  it("when the event is delivered twice, and twice at once", async () => {
    await signUp("twice@example.com")
    const row = await env.DB.prepare("SELECT id, event FROM outbox").first<any>()
    const message = { id: row.id, event: JSON.parse(row.event) }
    await Promise.all([deliver(ctx(), message), deliver(ctx(), message)])
    await env.DB.exec("DELETE FROM deliveries")
    await deliver(ctx(), message)
    expect(await mailbox("twice@example.com")).toHaveLength(1)
  })

  it("when a crash came between the mail and its record", async () => {
    const id = event()
    await email.send(ctx(), id, letter)
    await email.send(ctx(), id, { ...letter, to: "other@example.com" })
    expect(await isMailed(id)).toBe(true)
    expect(await mailbox("other@example.com")).toEqual([])
  })
})

it("forgets mails after 90 days", async () => {
  const [old, young] = [event(), event()]
  await email.send(ctx({ now: new Date("2026-01-01T00:00:00Z") }), old, letter)
  await email.send(ctx({ now: new Date("2026-01-02T00:00:00Z") }), young, letter)
  const now = new Date("2026-04-01T12:00:00Z")
  await email.purge(ctx({ now }))
  await email.purge(ctx({ now }))
  expect([await isMailed(old), await isMailed(young)]).toEqual([false, true])
})

describe("the mailbox", () => {
  it("is an admin's", async () => {
    expect((await call("GET", "admin/mailbox")).status).toBe(401)
    for (const role of ["customer", "staff"] as const)
      expect((await call("GET", "admin/mailbox", { as: await make.user(role) })).status).toBe(403)
  })

  it("shows mails newest first and keeps to an address", async () => {
    await email.send(ctx({ now: new Date("2026-03-01T00:00:00Z") }), event(), letter)
    await email.send(ctx({ now: new Date("2026-03-02T00:00:00Z") }), event(), {
      ...letter,
      subject: "Later",
    })
    await email.send(ctx(), event(), { ...letter, to: "bob@example.com" })
    const mails = (await mailbox("ADA@example.com")) as any[]
    expect(mails.map((mail) => mail.subject)).toEqual(["Later", "Verify"])
    expect(mails[1]).toMatchObject({
      template: "verify-email",
      to: "ada@example.com",
      text: "text",
      html: "<p>text</p>",
      created_at: "2026-03-01T00:00:00.000Z",
    })
  })

  it.each(["off", "production"])("is no path at all when mail is %s", async (how) => {
    const admin = await make.user("admin")
    const settings =
      how === "off"
        ? { MAIL_PROVIDER: "off" }
        : { ENVIRONMENT: "production", MAIL_PROVIDER: "local" }
    for (const method of ["GET", "POST"]) {
      const request = new Request("http://nexus.test/api/v1/admin/mailbox", {
        method,
        headers: { authorization: `Bearer ${admin.access}` },
      })
      const answer = await app.fetch(request, { ...env, ...settings }, createExecutionContext())
      expect(answer.status).toBe(404)
      expect(await answer.json()).toMatchObject({
        code: "not-found",
        detail: "There is nothing at /api/v1/admin/mailbox",
      })
    }
  })

  it("stays out of the document", async () => {
    const { body } = await call("GET", "schema")
    expect(Object.keys(body.paths).filter((path) => path.includes("mailbox"))).toEqual([])
  })
})

describe("a mail", () => {
  it("says the same as text and as HTML, links to the base and loads nothing", async () => {
    await signUp("look@example.com", { host: "evil.example", "x-forwarded-host": "evil.example" })
    const mail = await mailOf("look@example.com", "verify-email")
    const link = linkOf(mail)
    expect(link.origin).toBe(ctx().config.baseUrl)
    expect(link.pathname).toMatch(/^\/api\/v1\/auth\/verify-email\/[\w-]{43}$/)
    expect(mail.html).toContain(`href="${link.href}"`)
    expect(mail.html).toMatch(/^<!doctype html><html lang="en">/)
    expect(mail.html).not.toMatch(/<img|<script|<link|url\(|evil/)
    expect(mail.text).not.toMatch(/<\w|evil/)
  })

  it("carries no words of whoever opened the account", async () => {
    const body = {
      email: "victim@example.com",
      password: "correct horse battery",
      first_name: "Win money at http://evil.example",
      username: "evil.example",
    }
    await call("POST", "auth/register", { body })
    const mail = await mailOf("victim@example.com", "verify-email")
    expect(mail.html + mail.text).not.toContain("evil")
  })

  it("shows a hostile device as text", async () => {
    const device = `<a href="http://evil.example">"Firefox"</a>`
    await signUp("device@example.com", { "user-agent": "first" })
    const body = { email: "device@example.com", password: "correct horse battery" }
    await call("POST", "auth/login", { body, headers: { "user-agent": device } })
    const mail = await mailOf("device@example.com", "new-device")
    expect(mail.html).toContain("&lt;a href=&quot;http://evil.example&quot;&gt;")
    expect(mail.html).not.toContain(`<a href="http://evil.example"`)
  })
})

describe("the notice of a new device", () => {
  const password = "correct horse battery"
  async function login(address: string, device: string) {
    const body = { email: address, password }
    const headers = { "user-agent": device, "cf-connecting-ip": "203.0.113.9" }
    expect((await call("POST", "auth/login", { body, headers })).status).toBe(200)
  }

  it("goes out at the first sign-in on it only, and not for the first session ever", async () => {
    await signUp("ada@example.com", { "user-agent": "phone" })
    await login("ada@example.com", "phone")
    const templates = async () =>
      (await mailbox("ada@example.com")).map(({ template }) => template).toSorted()
    expect(await templates()).toEqual(["verify-email"])
    await login("ada@example.com", "laptop")
    await login("ada@example.com", "laptop")
    expect(await templates()).toEqual(["new-device", "verify-email"])
    const mail = await mailOf("ada@example.com", "new-device")
    expect(mail.text).toContain("Device: laptop\nNetwork: 203.0.113.0/24")
  })
})

describe("Resend", () => {
  const config = {
    ...ctx().config,
    mail: {
      provider: "resend" as const,
      from: { name: "Nexus", email: "shop@example.com" },
      apiKey: "re_test",
      url: "https://resend.test",
    },
  }
  const answering = (status: number) =>
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response("{}", { status }))

  it("gets the mail with the event as its key, and no text stays here", async () => {
    const fetching = answering(200)
    const id = event()
    await email.send(ctx({ config }), id, letter)
    await email.send(ctx({ config }), id, letter)
    expect(fetching).toHaveBeenCalledTimes(1)
    const [url, init] = fetching.mock.calls[0]!
    expect(url).toBe("https://resend.test/emails")
    expect(init?.headers).toEqual({
      authorization: "Bearer re_test",
      "content-type": "application/json",
      "idempotency-key": id,
    })
    expect(JSON.parse(init?.body as string)).toEqual({
      from: "Nexus <shop@example.com>",
      to: ["ada@example.com"],
      subject: "Verify",
      text: "text",
      html: "<p>text</p>",
    })
    const row = await env.DB.prepare("SELECT * FROM mails").first<any>()
    expect(row).toMatchObject({ event_id: id, text: "", html: "" })
    expect(row.sent_at).not.toBeNull()
  })

  it.each([401, 429, 500])("is tried again after %i", async (status) => {
    const id = event()
    answering(status)
    await expect(email.send(ctx({ config }), id, letter)).rejects.toThrow(`answered ${status}`)
    expect(await isMailed(id)).toBe(false)
    const fetching = answering(200)
    fetching.mockClear()
    await email.send(ctx({ config }), id, letter)
    expect(fetching).toHaveBeenCalledTimes(1)
  })

  it("is asked again with the same key when it did not answer, or the Worker died", async () => {
    const id = event()
    const fetching = vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("no network"))
    await expect(email.send(ctx({ config }), id, letter)).rejects.toThrow("did not answer")
    await env.DB.prepare(
      "INSERT INTO mails (event_id, template, \"to\", subject, text, html, created_at) VALUES (?, 'x', 'x', 'x', '', '', ?)",
    )
      .bind(id, new Date().toISOString())
      .run()
    fetching.mockImplementation(async () => new Response("{}", { status: 200 }))
    await email.send(ctx({ config }), id, letter)
    const keys = fetching.mock.calls.map(([, init]) =>
      new Headers(init?.headers).get("idempotency-key"),
    )
    expect(keys).toEqual([id, id])
  })

  it("is not asked again about a mail that it refuses for good", async () => {
    const id = event()
    const fetching = answering(422)
    vi.spyOn(console, "error").mockImplementation(() => undefined)
    await email.send(ctx({ config }), id, letter)
    expect(fetching).toHaveBeenCalledTimes(1)
  })
})

describe("Cloudflare Email Service", () => {
  const config = {
    ...ctx().config,
    mail: { provider: "cloudflare" as const, from: { name: "Nexus", email: "shop@example.com" } },
  }
  const failing = (code?: string) => Object.assign(new Error("no"), code && { code })

  it("gets the mail once", async () => {
    const send = vi.fn<() => Promise<{ messageId: string }>>(async () => ({ messageId: "1" }))
    const id = event()
    for (let n = 0; n < 2; n++) await email.send(ctx({ config, email: { send } }), id, letter)
    expect(send).toHaveBeenCalledTimes(1)
    expect(send).toHaveBeenCalledWith({
      from: { name: "Nexus", email: "shop@example.com" },
      to: "ada@example.com",
      subject: "Verify",
      text: "text",
      html: "<p>text</p>",
    })
  })

  it("is tried again after an error that it names, never after one that it does not", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined)
    const send = vi
      .fn<() => Promise<{ messageId: string }>>()
      .mockRejectedValueOnce(failing("E_RATE_LIMIT_EXCEEDED"))
    const named = event()
    const sending = (id: ReturnType<typeof event>) =>
      email.send(ctx({ config, email: { send } }), id, letter)
    await expect(sending(named)).rejects.toThrow("E_RATE_LIMIT_EXCEEDED")
    send.mockResolvedValueOnce({ messageId: "1" })
    await sending(named)
    expect(send).toHaveBeenCalledTimes(2)

    const unnamed = event()
    send.mockRejectedValueOnce(failing())
    await sending(unnamed)
    await sending(unnamed)
    expect(send).toHaveBeenCalledTimes(3)
  })

  it("fails loudly without its binding", async () => {
    await expect(email.send(ctx({ config }), event(), letter)).rejects.toThrow("no binding EMAIL")
  })
})

it("verifies nothing by a link that a newer one replaced before it was mailed", async () => {
  const signedUp = await signUp("late@example.com")
  expect((await call("POST", "auth/verify-email/resend", { as: signedUp })).status).toBe(200)
  const mail = await mailOf("late@example.com", "verify-email")
  const answer = await call("POST", "auth/verify-email", { body: { token: tokenOf(mail) } })
  expect(answer.status).toBe(200)
})

describe("the settings of mail", () => {
  const of = (settings: Record<string, string>) => () => configOf({ ...env, ...settings }).mail
  const production = { ENVIRONMENT: "production", BASE_URL: "https://shop.example" }
  const from = { MAIL_FROM: "The Shop <shop@example.com>" }

  it("send nothing that nobody set up", () => {
    expect(of({ MAIL_PROVIDER: "" })()).toEqual({ provider: "local" })
    expect(of({ ...production, MAIL_PROVIDER: "" })()).toEqual({ provider: "off" })
    expect(of({ ...production, MAIL_PROVIDER: "local" })()).toEqual({ provider: "off" })
  })

  it("name the sender", () => {
    const resend = { ...production, ...from, MAIL_PROVIDER: "resend", RESEND_API_KEY: "re_1" }
    expect(of(resend)()).toEqual({
      provider: "resend",
      from: { name: "The Shop", email: "shop@example.com" },
      apiKey: "re_1",
      url: "https://api.resend.com",
    })
    const bare = { ...production, MAIL_PROVIDER: "cloudflare", MAIL_FROM: "shop@example.com" }
    expect(of(bare)()).toEqual({
      provider: "cloudflare",
      from: { name: "", email: "shop@example.com" },
    })
  })

  it.each([
    ["MAIL_FROM", { MAIL_PROVIDER: "cloudflare" }],
    ["RESEND_API_KEY", { ...from, MAIL_PROVIDER: "resend" }],
    ["BASE_URL", { ...from, MAIL_PROVIDER: "cloudflare", BASE_URL: "http://localhost:8787" }],
    ["MAIL_FROM", { MAIL_PROVIDER: "cloudflare", MAIL_FROM: "a@b\r\nBcc: c@d" }],
    ["MAIL_PROVIDER", { MAIL_PROVIDER: "pigeon" }],
  ])("name %s when it is missing or wrong", (name, settings) => {
    expect(of({ ...production, ...settings })).toThrow(name)
  })
})
