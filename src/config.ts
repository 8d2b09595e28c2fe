import { z } from "zod"

import { isCurrency } from "#lib/money.ts"

const SigningKey = z.looseObject({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  kid: z.string().min(1),
  x: z.string(),
  d: z.string(),
})

const Settings = z.object({
  ENVIRONMENT: z.enum(["production", "development"]),
  CURRENCY: z.string().refine(isCurrency, "is no ISO 4217 code"),
  CORS_ORIGINS: z.string(),
  ACCESS_TOKEN_TTL: z.coerce.number().int().min(60).max(3600),
  RATE_LIMITS: z.enum(["on", "off"]),
  JWT_KEYS: z.string().transform((text) => z.array(SigningKey).min(1).parse(JSON.parse(text))),
  DATA_KEY: z.string().min(32),
})

/** The private Ed25519 JWKs of access tokens: the first signs, all verify; a key is rotated by adding one in front. */
export type SigningKey = z.infer<typeof SigningKey>

/** Everything that can be set, parsed. */
export type Config = {
  environment: "production" | "development"
  /** ISO 4217 code of every price. */
  currency: string
  /** Exact origins that browsers may call from (api.md 1.14). */
  corsOrigins: readonly string[]
  accessTokenTtlSeconds: number
  /** Off in local development only: production ignores the switch. */
  rateLimits: boolean
  jwtKeys: readonly SigningKey[]
  /** Seals stored answers (idempotency). */
  dataKey: string
}

const parsed = new WeakMap<object, Config>()

/** The vars and secrets of `env`, parsed once an isolate. @throws ZodError naming each setting that is missing or wrong. */
export function configOf(env: Env): Config {
  const known = parsed.get(env)
  if (known) return known
  const settings = Settings.parse(env)
  const development = settings.ENVIRONMENT === "development"
  const config: Config = {
    environment: settings.ENVIRONMENT,
    currency: settings.CURRENCY,
    corsOrigins: settings.CORS_ORIGINS.split(",")
      .map((origin) => origin.trim())
      .filter(Boolean),
    accessTokenTtlSeconds: settings.ACCESS_TOKEN_TTL,
    rateLimits: !(development && settings.RATE_LIMITS === "off"),
    jwtKeys: settings.JWT_KEYS,
    dataKey: settings.DATA_KEY,
  }
  parsed.set(env, config)
  return config
}
