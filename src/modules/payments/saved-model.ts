import { z } from "zod"

import { Instant } from "#lib/shapes.ts"

import { PaymentMethodName } from "./model.ts"

/** A payment method that a gateway keeps for a customer. Of its number nothing is here but the last digits. */
export const SavedMethod = z
  .object({
    id: z.string().meta({ description: "The gateway's own id of it", example: "pm_1QxK2v" }),
    provider: PaymentMethodName,
    kind: z.string().meta({ example: "card" }),
    brand: z.string().nullable().meta({ example: "visa" }),
    last4: z.string().nullable().meta({ example: "4242" }),
    expires: z.string().nullable().meta({ description: "Year and month", example: "2028-03" }),
  })
  .meta({ id: "SavedPaymentMethod" })
export type SavedMethod = z.infer<typeof SavedMethod>

/** Every payment method that is kept for the caller. */
export const SavedMethods = z
  .object({ results: z.array(SavedMethod) })
  .meta({ id: "SavedPaymentMethods" })
export type SavedMethods = z.infer<typeof SavedMethods>

/** Where a payment method is to be kept. */
export const NewSavedMethod = z
  .object({
    provider: PaymentMethodName,
    return_url: z
      .url({ protocol: /^https?$/, error: "Enter a valid URL." })
      .max(2000, "At most 2000 characters.")
      .optional()
      .meta({ description: "Where the payer goes afterwards" }),
  })
  .meta({ id: "NewSavedPaymentMethod", example: { provider: "stripe" } })
export type NewSavedMethod = z.infer<typeof NewSavedMethod>

/** A payment method on its way: what the gateway's script needs to ask for it. It is listed once it is there. */
export const MethodSetup = z
  .object({
    provider: PaymentMethodName,
    status: z.enum(["open", "succeeded", "failed"]),
    client_secret: z.string().optional(),
    redirect_url: z.string().optional(),
  })
  .meta({ id: "PaymentMethodSetup" })
export type MethodSetup = z.infer<typeof MethodSetup>

/** Whose customer somebody is at a gateway, for their export. */
export const GatewayCustomer = z.object({ provider: z.string(), created_at: Instant })
