/** Outside parties that take money. `fake` is there in development only. */
export const gatewayNames = ["stripe", "paypal", "square", "fake"] as const
export type GatewayName = (typeof gatewayNames)[number]

/** How a payment can be made: by invoice or transfer, at the door, or through a gateway. */
export const paymentMethods = ["manual", "cod", ...gatewayNames] as const
export type PaymentMethod = (typeof paymentMethods)[number]

/** What people call a method. */
export const methodNames: Record<PaymentMethod, string> = {
  manual: "Invoice or bank transfer",
  cod: "Cash on delivery",
  stripe: "Card (Stripe)",
  paypal: "PayPal",
  square: "Card (Square)",
  fake: "Fake gateway (development)",
}

/** Whether money of this method goes through an outside party: nothing moves on before it says so. */
export function isGateway(method: string): method is GatewayName {
  return (gatewayNames as readonly string[]).includes(method)
}
