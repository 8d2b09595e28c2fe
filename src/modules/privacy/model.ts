import { z } from "zod"

import { Instant } from "#lib/shapes.ts"
import { identityFields } from "#modules/auth/mfa-model.ts"
import { AuditEntry } from "#modules/auth/model.ts"
import { Session } from "#modules/auth/sessions-model.ts"
import { Cart } from "#modules/cart/model.ts"
import { CreditEntry } from "#modules/credit/model.ts"
import { ListedOrder } from "#modules/orders/model.ts"
import { GatewayCustomer } from "#modules/payments/saved-model.ts"
import { Subscription } from "#modules/subscriptions/model.ts"
import { SavedAddress } from "#modules/users/address-model.ts"
import { User } from "#modules/users/model.ts"

/** Everything that is held about a person (GDPR article 15). Secrets are not: of them there are hashes only. */
export const PersonalData = z
  .object({
    exported_at: Instant,
    profile: User,
    addresses: z.array(SavedAddress),
    orders: z.array(ListedOrder),
    subscriptions: z.array(Subscription),
    payment_customers: z
      .array(GatewayCustomer)
      .meta({ description: "The gateways that keep payment methods" }),
    cart: Cart,
    wishlist: z.array(z.object({ product_id: z.string(), created_at: Instant })),
    sessions: z.array(Session).meta({ description: "Ended ones too" }),
    audit: z.array(AuditEntry),
    identities: z.array(
      z.object({
        provider: z.string(),
        subject: z.string(),
        email: z.string().nullable(),
        created_at: Instant,
        last_used_at: Instant,
      }),
    ),
    passkeys: z.array(
      z.object({ name: z.string(), created_at: Instant, last_used_at: Instant.nullable() }),
    ),
    api_keys: z.array(
      z.object({ name: z.string(), created_at: Instant, last_used_at: Instant.nullable() }),
    ),
    mails: z.array(z.object({ template: z.string(), subject: z.string(), created_at: Instant })),
    store_credit: z.array(CreditEntry).meta({ description: "Every movement of it" }),
    truncated: z.array(z.string()).meta({
      description: "The lists above of which only the newest 1000 are in here",
      example: [],
    }),
  })
  .meta({ id: "PersonalData" })
export type PersonalData = z.infer<typeof PersonalData>

/** Who asks for their account to be erased, again. */
export const Erasure = z
  .object(identityFields)
  .meta({ example: { password: "Nexus-demo-2026!", code: "287082" } })
export type Erasure = z.infer<typeof Erasure>
