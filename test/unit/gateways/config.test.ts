import { expect, it } from "vitest"

import { configOf } from "#config.ts"

import { newSecrets } from "../../../src/cli/secrets.ts"

const vars = {
  ENVIRONMENT: "production",
  BASE_URL: "https://api.shop.test/",
  CURRENCY: "USD",
  PRICES_INCLUDE_TAX: "off",
  ROUNDING_MODE: "half-even",
  ROUNDING_LEVEL: "line",
  CORS_ORIGINS: "",
  ACCESS_TOKEN_TTL: "900",
  RATE_LIMITS: "on",
  REQUIRE_MFA_ROLES: "",
  PASSKEY_ORIGINS: "",
  MAIL_PROVIDER: "",
  MAIL_FROM: "",
  GUEST_CART_DAYS: "30",
  CART_REMINDERS: "",
  CART_RECOVERY_URL: "",
  REQUIRE_VERIFIED_EMAIL: "",
  IMAGE_TRANSFORMATIONS: "",
  ...newSecrets(),
}
const paymentsOf = (over: Record<string, string> = {}) =>
  configOf({ ...vars, ...over } as unknown as Env).payments

const stripe = { STRIPE_SECRET_KEY: "sk_live_1", STRIPE_WEBHOOK_SECRET: "whsec_1" }
const paypal = { PAYPAL_CLIENT_ID: "id", PAYPAL_CLIENT_SECRET: "secret", PAYPAL_WEBHOOK_ID: "WH1" }
const square = {
  SQUARE_ACCESS_TOKEN: "token",
  SQUARE_LOCATION_ID: "L1",
  SQUARE_WEBHOOK_KEY: "key",
}

it("has every gateway off until its secrets are set", () => {
  const { stripe: one, paypal: two, square: three, fake: four } = paymentsOf()
  expect([one, two, three, four]).toEqual([undefined, undefined, undefined, undefined])
})

it("has each gateway on with its secrets, empty ones being none", () => {
  expect(paymentsOf({ ...stripe, PAYPAL_CLIENT_ID: "" })).toMatchObject({
    stripe: { secretKey: "sk_live_1", webhookSecret: "whsec_1" },
  })
  const all = paymentsOf({ ...stripe, ...paypal, ...square, PAYMENT_SANDBOX: "on" })
  expect(all.paypal).toEqual({
    clientId: "id",
    clientSecret: "secret",
    webhookId: "WH1",
    isSandbox: true,
  })
  expect(all.square).toEqual({
    accessToken: "token",
    locationId: "L1",
    signatureKey: "key",
    notificationUrl: "https://api.shop.test/api/v1/payments/webhooks/square",
    isSandbox: true,
  })
})

it.each([
  ...Object.keys(stripe).map((name) => [name, "stripe", stripe] as const),
  ...Object.keys(paypal).map((name) => [name, "paypal", paypal] as const),
  ...Object.keys(square).map((name) => [name, "square", square] as const),
])("refuses to start without %s alone", (name, gateway, secrets) => {
  expect(() => paymentsOf({ ...secrets, [name]: "" })).toThrow(`${name} is needed for ${gateway}`)
})

it("names all that is missing at once", () => {
  expect(() => paymentsOf({ PAYPAL_CLIENT_ID: "id" })).toThrow(
    "PAYPAL_CLIENT_SECRET, PAYPAL_WEBHOOK_ID is needed for paypal",
  )
})

it("does not let Square take money that staff are to take", () => {
  expect(() => paymentsOf({ ...square, PAYMENT_CAPTURE: "manual" })).toThrow("PAYMENT_CAPTURE")
})

it("asks another server than the gateway's in development only", () => {
  const urls = {
    STRIPE_API_URL: "http://127.0.0.1:9100/",
    PAYPAL_API_URL: "http://127.0.0.1:9100",
    SQUARE_API_URL: "http://127.0.0.1:9100",
  }
  const given = { ...stripe, ...paypal, ...square, ...urls }
  const development = paymentsOf({ ...given, ENVIRONMENT: "development" })
  const production = paymentsOf(given)
  for (const name of ["stripe", "paypal", "square"] as const) {
    expect(development[name]?.apiUrl).toBe("http://127.0.0.1:9100")
    expect(production[name]?.apiUrl).toBeUndefined()
  }
})
