import { z } from "zod"

import type { Role } from "#actor.ts"
import { isCurrency, type Rounding, roundings } from "#lib/money.ts"

const SigningKey = z.looseObject({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  kid: z.string().min(1),
  x: z.string(),
  d: z.string(),
})

const Origin = z
  .url({ protocol: /^https?$/ })
  .refine((text) => new URL(text).origin === text, "is no origin")

const Settings = z.object({
  ENVIRONMENT: z.enum(["production", "development"]),
  BASE_URL: z.url({ protocol: /^https?$/ }),
  CURRENCY: z.string().refine(isCurrency, "is no ISO 4217 code"),
  PRICES_INCLUDE_TAX: z.enum(["off", "on"]),
  ROUNDING_MODE: z.enum(roundings),
  ROUNDING_LEVEL: z.enum(["line", "order"]),
  CORS_ORIGINS: z.string(),
  ACCESS_TOKEN_TTL: z.coerce.number().int().min(60).max(3600),
  SELLER: z.string().default("Nexus"),
  RETURN_WINDOW_DAYS: z.coerce.number().int().min(0).max(3650).default(30),
  RATE_LIMITS: z.enum(["on", "off"]),
  REQUIRE_MFA_ROLES: z
    .string()
    .transform(listOf)
    .pipe(z.array(z.enum(["staff", "admin"]))),
  PASSKEY_ORIGINS: z.string().transform(listOf).pipe(z.array(Origin)),
  JWT_KEYS: z.string().transform((text) => z.array(SigningKey).min(1).parse(JSON.parse(text))),
  DATA_KEY: z.string().min(32),
  MAIL_PROVIDER: z.enum(["", "off", "local", "resend", "cloudflare"]),
  MAIL_FROM: z
    .string()
    .regex(/^$|^(?:[^<>\r\n]*<[^\s<>@]+@[^\s<>@]+>|[^\s<>@]+@[^\s<>@]+)$/, "is no sender"),
  GUEST_CART_DAYS: z.coerce.number().int().min(1).max(365),
  CART_REMINDERS: z.enum(["", "on"]),
  CART_RECOVERY_URL: z.union([z.literal(""), z.url({ protocol: /^https?$/ })]),
  REQUIRE_VERIFIED_EMAIL: z.enum(["", "login"]),
  IMAGE_TRANSFORMATIONS: z.enum(["", "on"]),
  RESEND_API_KEY: z.string().optional(),
  RESEND_URL: z.url().default("https://api.resend.com"),
  GOOGLE_CLIENT_ID: z.string().optional(),
  GOOGLE_CLIENT_SECRET: z.string().optional(),
  FACEBOOK_CLIENT_ID: z.string().optional(),
  FACEBOOK_CLIENT_SECRET: z.string().optional(),
  GITHUB_CLIENT_ID: z.string().optional(),
  GITHUB_CLIENT_SECRET: z.string().optional(),
  OAUTH_BASE_URL: z.string().optional(),
  PENDING_ORDER_TTL: z.coerce.number().int().min(60).max(86_400).default(1800),
  REFUND_RETRY: z.coerce.number().int().min(1).max(604_800).default(3600),
  UNKNOWN_PAYMENTS: z.enum(["report", "refund"]).default("report"),
  PAYMENT_CAPTURE: z.enum(["automatic", "manual"]).default("automatic"),
  CARD_GATEWAY: z.enum(["", "stripe", "square", "fake"]).default(""),
  PAYMENT_SANDBOX: z.enum(["", "on"]).default(""),
  STRIPE_SECRET_KEY: z.string().optional(),
  STRIPE_WEBHOOK_SECRET: z.string().optional(),
  STRIPE_API_URL: z.url().optional(),
  PAYPAL_CLIENT_ID: z.string().optional(),
  PAYPAL_CLIENT_SECRET: z.string().optional(),
  PAYPAL_WEBHOOK_ID: z.string().optional(),
  PAYPAL_API_URL: z.url().optional(),
  SQUARE_ACCESS_TOKEN: z.string().optional(),
  SQUARE_LOCATION_ID: z.string().optional(),
  SQUARE_WEBHOOK_KEY: z.string().optional(),
  SQUARE_API_URL: z.url().optional(),
  EXCHANGE_RATES_URL: z
    .url({ protocol: /^https?$/ })
    .default("https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml"),
  SUBSCRIPTION_RETRY_DAYS: z
    .string()
    .default("1,3,5,7")
    .transform(listOf)
    .transform((days) => days.map(Number))
    .pipe(z.array(z.int().min(1).max(60)).max(10))
    .refine((days) => days.every((day, n) => n === 0 || day > (days[n - 1] ?? 0)), "do not ascend"),
  SUBSCRIPTION_AT_LAST: z.enum(["cancel", "pause"]).default("cancel"),
  SUBSCRIPTION_CATCH_UP: z.enum(["skip", "each"]).default("skip"),
  SUBSCRIPTION_NOTICE_DAYS: z.coerce.number().int().min(0).max(60).default(3),
  SUBSCRIPTION_CANCEL_CREDIT: z.enum(["off", "on"]).default("off"),
  SUBSCRIPTION_PAY_URL: z.union([z.literal(""), z.url({ protocol: /^https?$/ })]).default(""),
  FAKE_GATEWAY_URL: z.url().optional(),
  FAKE_GATEWAY_SECRET: z.string().min(16).optional(),
})

/** The private Ed25519 JWKs of access tokens: the first signs, all verify; a key is rotated by adding one in front. */
export type SigningKey = z.infer<typeof SigningKey>

/** Everything that can be set, parsed. */
export type Config = {
  environment: "production" | "development"
  /** Where this API is reached from outside, without a last slash: links and redirects start with it. */
  baseUrl: string
  /** ISO 4217 code of every price. */
  currency: string
  /** Whether prices contain their taxes, and how parts of amounts are rounded: once a line, or once for the order and then split. */
  pricing: { pricesIncludeTax: boolean; rounding: Rounding; level: "line" | "order" }
  /** Exact origins that browsers may call from (api.md 1.14). */
  corsOrigins: readonly string[]
  accessTokenTtlSeconds: number
  /** Who sells, as invoices say it, line by line. */
  seller: readonly string[]
  /** For how many days after its delivery an order's things can be sent back. */
  returnWindowDays: number
  /** Off in local development only: production ignores the switch. */
  rateLimits: boolean
  /** Roles that do staff's work only while their second factor is on. */
  mfaRoles: readonly Role[]
  /** Exact origins that passkeys sign in at, at least one; the host of the first is the RP ID (WebAuthn §4). */
  passkeyOrigins: readonly [string, ...string[]]
  mail: MailConfig
  /** Whether an account signs in only once its address is verified. */
  verifiedLogin: boolean
  /** Days that a guest's cart is kept since its last change. */
  guestCartDays: number
  /** Whether carts that were left are reminded of by mail. */
  cartReminders: boolean
  /** The page that a reminder leads to, with `#token=` behind it. */
  cartRecoveryUrl: string
  /** Whether the zone this API is on makes smaller pictures at `/cdn-cgi/image/…`. */
  imageTransformations: boolean
  jwtKeys: readonly SigningKey[]
  /** Seals stored answers (idempotency). */
  dataKey: string
  /** This shop as it is registered at providers to sign in with; one that is absent is off. */
  oauth: { google?: OAuthClient; facebook?: OAuthClient; github?: OAuthClient }
  /** In local development only: providers are reached at `<this>/<their host>/<path>`. */
  oauthBaseUrl?: string
  payments: PaymentsConfig
  /** Where the European Central Bank's daily rates are read, or what answers as it does. */
  exchangeRatesUrl: string
  subscriptions: SubscriptionsConfig
}

/** How subscriptions are renewed. */
export type SubscriptionsConfig = {
  /** On which days after the first failure it is tried again, ascending. */
  retryDays: readonly number[]
  /** What becomes of a subscription when the last try fails. */
  atLast: "cancel" | "pause"
  /** Of periods that began while the shop was away: only the one that runs is ordered, or each of them. */
  catchUp: "skip" | "each"
  /** How many days before a renewal its customer is told; 0: never. */
  noticeDays: number
  /** Whether a subscription that is cancelled at once gives back what is left of its period. */
  cancelCredit: boolean
  /** The page where an order is paid, with `#order=` behind it; empty: mails have no link. */
  payUrl: string
}

/** How orders are paid. A gateway that is absent is off. */
export type PaymentsConfig = {
  /** How long an order waits for its payment through a gateway, in seconds. */
  pendingOrderTtlSeconds: number
  /** Whether gateways take the money at once, or authorize it until staff capture it. */
  capture: "automatic" | "manual"
  /** After how long what a gateway refused to give back is tried again, in seconds. */
  refundRetrySeconds: number
  /** What a reconciliation does with money at a gateway that no order knows. */
  unknownPayments: "report" | "refund"
  /** Which gateway takes cards; none: `card` is not offered. */
  cardGateway: "stripe" | "square" | "fake" | undefined
  stripe?: StripeSettings
  paypal?: PaypalSettings
  square?: SquareSettings
  /** In development only: a server that behaves like a gateway, well or badly. */
  fake?: { url: string; secret: string }
}

/** `apiUrl`, here and below: in development only, a server that speaks as the gateway does. */
export type StripeSettings = { secretKey: string; webhookSecret: string; apiUrl?: string }

export type PaypalSettings = {
  clientId: string
  clientSecret: string
  /** Of this shop's webhook, as PayPal's dashboard shows it: part of what it signs. */
  webhookId: string
  isSandbox: boolean
  apiUrl?: string
}

export type SquareSettings = {
  accessToken: string
  locationId: string
  /** Signs webhooks, together with the address that they are registered with. */
  signatureKey: string
  notificationUrl: string
  isSandbox: boolean
  apiUrl?: string
}

/**
 * How mail goes out. `local`: kept in D1 where an admin reads it, sent nowhere, in development only; `off`: not at all,
 * which the log says of each mail.
 */
export type MailConfig =
  | { provider: "off" }
  | { provider: "local" }
  | { provider: "cloudflare"; from: MailSender }
  | { provider: "resend"; from: MailSender; apiKey: string; url: string }
export type MailSender = { name: string; email: string }

export type OAuthClient = { clientId: string; clientSecret: string }

const parsed = new WeakMap<object, Config>()

/** A setting that is a list, separated by commas. */
function listOf(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean)
}

/** The vars and secrets of `env`, parsed once an isolate. @throws ZodError naming each setting that is missing or wrong. */
export function configOf(env: Env): Config {
  const known = parsed.get(env)
  if (known) return known
  const settings = Settings.parse(env)
  const development = settings.ENVIRONMENT === "development"
  const [firstOrigin = new URL(settings.BASE_URL).origin, ...moreOrigins] = settings.PASSKEY_ORIGINS
  const baseUrl = settings.BASE_URL.replace(/\/+$/, "")
  const config: Config = {
    environment: settings.ENVIRONMENT,
    baseUrl,
    currency: settings.CURRENCY,
    pricing: {
      pricesIncludeTax: settings.PRICES_INCLUDE_TAX === "on",
      rounding: settings.ROUNDING_MODE,
      level: settings.ROUNDING_LEVEL,
    },
    corsOrigins: listOf(settings.CORS_ORIGINS),
    accessTokenTtlSeconds: settings.ACCESS_TOKEN_TTL,
    seller: settings.SELLER.split("|").map((part) => part.trim()),
    returnWindowDays: settings.RETURN_WINDOW_DAYS,
    rateLimits: !(development && settings.RATE_LIMITS === "off"),
    mfaRoles: settings.REQUIRE_MFA_ROLES,
    passkeyOrigins: [firstOrigin, ...moreOrigins],
    mail: mailOf(settings),
    verifiedLogin: settings.REQUIRE_VERIFIED_EMAIL === "login",
    guestCartDays: settings.GUEST_CART_DAYS,
    cartReminders: settings.CART_REMINDERS === "on",
    cartRecoveryUrl: settings.CART_RECOVERY_URL || `${baseUrl}/cart/recover`,
    imageTransformations: settings.IMAGE_TRANSFORMATIONS === "on",
    jwtKeys: settings.JWT_KEYS,
    dataKey: settings.DATA_KEY,
    oauth: {
      ...client("google", settings.GOOGLE_CLIENT_ID, settings.GOOGLE_CLIENT_SECRET),
      ...client("facebook", settings.FACEBOOK_CLIENT_ID, settings.FACEBOOK_CLIENT_SECRET),
      ...client("github", settings.GITHUB_CLIENT_ID, settings.GITHUB_CLIENT_SECRET),
    },
    ...(development && settings.OAUTH_BASE_URL && { oauthBaseUrl: settings.OAUTH_BASE_URL }),
    payments: paymentsOf(settings),
    exchangeRatesUrl: settings.EXCHANGE_RATES_URL,
    subscriptions: {
      retryDays: settings.SUBSCRIPTION_RETRY_DAYS,
      atLast: settings.SUBSCRIPTION_AT_LAST,
      catchUp: settings.SUBSCRIPTION_CATCH_UP,
      noticeDays: settings.SUBSCRIPTION_NOTICE_DAYS,
      cancelCredit: settings.SUBSCRIPTION_CANCEL_CREDIT === "on",
      payUrl: settings.SUBSCRIPTION_PAY_URL,
    },
  }
  parsed.set(env, config)
  return config
}

/** A provider counts as set up once it has both its id and its secret. */
function client(
  name: keyof Config["oauth"],
  clientId: string | undefined,
  clientSecret: string | undefined,
): Config["oauth"] {
  return clientId && clientSecret ? { [name]: { clientId, clientSecret } } : {}
}

function paymentsOf(settings: z.infer<typeof Settings>): PaymentsConfig {
  const { FAKE_GATEWAY_URL: url, FAKE_GATEWAY_SECRET: secret } = settings
  const isDevelopment = settings.ENVIRONMENT === "development"
  const isSandbox = settings.PAYMENT_SANDBOX === "on"
  const at = (apiUrl: string | undefined) =>
    isDevelopment && apiUrl ? { apiUrl: apiUrl.replace(/\/+$/, "") } : {}
  const stripe = allOf("stripe", {
    STRIPE_SECRET_KEY: settings.STRIPE_SECRET_KEY,
    STRIPE_WEBHOOK_SECRET: settings.STRIPE_WEBHOOK_SECRET,
  })
  const paypal = allOf("paypal", {
    PAYPAL_CLIENT_ID: settings.PAYPAL_CLIENT_ID,
    PAYPAL_CLIENT_SECRET: settings.PAYPAL_CLIENT_SECRET,
    PAYPAL_WEBHOOK_ID: settings.PAYPAL_WEBHOOK_ID,
  })
  const square = allOf("square", {
    SQUARE_ACCESS_TOKEN: settings.SQUARE_ACCESS_TOKEN,
    SQUARE_LOCATION_ID: settings.SQUARE_LOCATION_ID,
    SQUARE_WEBHOOK_KEY: settings.SQUARE_WEBHOOK_KEY,
  })
  if (square && settings.PAYMENT_CAPTURE === "manual")
    throw new Error("PAYMENT_CAPTURE=manual is not for square, which takes money at once")
  return {
    pendingOrderTtlSeconds: settings.PENDING_ORDER_TTL,
    refundRetrySeconds: settings.REFUND_RETRY,
    capture: settings.PAYMENT_CAPTURE,
    unknownPayments: settings.UNKNOWN_PAYMENTS,
    cardGateway: settings.CARD_GATEWAY || undefined,
    ...(stripe && {
      stripe: {
        secretKey: stripe.STRIPE_SECRET_KEY,
        webhookSecret: stripe.STRIPE_WEBHOOK_SECRET,
        ...at(settings.STRIPE_API_URL),
      },
    }),
    ...(paypal && {
      paypal: {
        clientId: paypal.PAYPAL_CLIENT_ID,
        clientSecret: paypal.PAYPAL_CLIENT_SECRET,
        webhookId: paypal.PAYPAL_WEBHOOK_ID,
        isSandbox,
        ...at(settings.PAYPAL_API_URL),
      },
    }),
    ...(square && {
      square: {
        accessToken: square.SQUARE_ACCESS_TOKEN,
        locationId: square.SQUARE_LOCATION_ID,
        signatureKey: square.SQUARE_WEBHOOK_KEY,
        notificationUrl: `${settings.BASE_URL.replace(/\/+$/, "")}/api/v1/payments/webhooks/square`,
        isSandbox,
        ...at(settings.SQUARE_API_URL),
      },
    }),
    ...(isDevelopment && url && secret && { fake: { url: url.replace(/\/+$/, ""), secret } }),
  }
}

/** The secrets of a gateway, which is off without any. @throws Error when some are there and some are not */
function allOf<K extends string>(
  gateway: string,
  given: Record<K, string | undefined>,
): Record<K, string> | undefined {
  const missing = Object.entries(given).flatMap(([name, value]) => (value ? [] : [name]))
  if (missing.length === Object.keys(given).length) return undefined
  if (missing.length > 0) throw new Error(`${missing.join(", ")} is needed for ${gateway}`)
  // Nothing is missing.
  return given as Record<K, string>
}

/** Without a choice mail is kept locally in development, and off in production: nothing is sent that nobody set up. */
function mailOf(settings: z.infer<typeof Settings>): MailConfig {
  const isDevelopment = settings.ENVIRONMENT === "development"
  const provider = settings.MAIL_PROVIDER || (isDevelopment ? "local" : "off")
  // A mailbox in the database would let staff read the links that open other people's accounts.
  if (provider === "local") return isDevelopment ? { provider } : { provider: "off" }
  if (provider === "off") return { provider }
  // A link to localhost is nobody's to open: the mail would be worse than none.
  if (!isDevelopment && /^(?:localhost|127\.|\[::1\])/.test(new URL(settings.BASE_URL).hostname))
    throw new Error(`BASE_URL is needed for ${provider}`)
  if (settings.MAIL_FROM === "") throw new Error(`MAIL_FROM is needed for ${provider}`)
  const [, name = "", email = settings.MAIL_FROM] = /^(.*)<(.+)>$/.exec(settings.MAIL_FROM) ?? []
  const from = { name: name.trim(), email: email.trim() }
  if (provider === "cloudflare") return { provider, from }
  if (!settings.RESEND_API_KEY) throw new Error("RESEND_API_KEY is needed for resend")
  return { provider, from, apiKey: settings.RESEND_API_KEY, url: settings.RESEND_URL }
}
