/** Outside parties that take money. `fake` is there in development only. */
export const gatewayNames = ["stripe", "paypal", "square", "fake"] as const
export type GatewayName = (typeof gatewayNames)[number]

/** What can be chosen to pay an order by: by invoice or transfer, at the door, or through a gateway. */
export const chosenMethods = ["manual", "cod", ...gatewayNames] as const
export type ChosenMethod = (typeof chosenMethods)[number]

/** What pays beside it, at once, out of a balance that the shop keeps. */
export const creditMethods = ["gift_card", "store_credit"] as const
export type CreditMethod = (typeof creditMethods)[number]

/** How a payment can be made. */
export const paymentMethods = [...chosenMethods, ...creditMethods] as const
export type PaymentMethod = (typeof paymentMethods)[number]

/** What people call a method. */
export const methodNames: Record<PaymentMethod, string> = {
  manual: "Invoice or bank transfer",
  cod: "Cash on delivery",
  stripe: "Card (Stripe)",
  paypal: "PayPal",
  square: "Card (Square)",
  fake: "Fake gateway (development)",
  gift_card: "Gift card",
  store_credit: "Store credit",
}

/** Whether money of this method goes through an outside party: nothing moves on before it says so. */
export function isGateway(method: string): method is GatewayName {
  return (gatewayNames as readonly string[]).includes(method)
}

/** Whether it pays out of a balance that the shop keeps: with the batch, and back with the batch. */
export function isCredit(method: PaymentMethod): method is CreditMethod {
  return (creditMethods as readonly string[]).includes(method)
}
