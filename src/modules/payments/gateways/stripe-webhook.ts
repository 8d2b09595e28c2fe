import Stripe from "stripe"

import type { News, ReadWebhook, Webhook } from "../gateway.ts"
import { fromStripe } from "./amounts.ts"
import { idOf, toAnswer, toDispute, toRefund } from "./stripe-told.ts"

/** How old a signature may be, and how far ahead, in seconds. */
const windowSeconds = 300

const crypto = Stripe.createSubtleCryptoProvider()

/**
 * Verifies `Stripe-Signature: t=…,v1=…` over the raw body (docs.stripe.com/webhooks/signature): any `v1` of the secret
 * will do, at most 300 s old. The SDK lets signatures of the future pass.
 */
export async function readStripe(
  client: Stripe,
  secret: string,
  { headers, body, now }: Webhook,
): Promise<ReadWebhook> {
  const signature = headers.get("stripe-signature") ?? ""
  const at = Number(/(?:^|,)t=(\d{1,12})(?:,|$)/.exec(signature)?.[1])
  if (!(at <= now.getTime() / 1000 + windowSeconds)) return { isGenuine: false }
  try {
    const event = await client.webhooks.constructEventAsync(
      body,
      signature,
      secret,
      windowSeconds,
      crypto,
      now.getTime(),
    )
    return { isGenuine: true, news: newsOf(event) }
  } catch {
    return { isGenuine: false }
  }
}

/** What an event says; `null` for what we do not follow, and for what is none of ours on a shared account. */
function newsOf(event: Stripe.Event): News | null {
  const { object } = event.data as { object: { object?: string } }
  const about = { eventId: event.id, kind: event.type, paymentId: null, told: null }
  if (event.type.startsWith("payment_intent.") && object.object === "payment_intent") {
    const intent = object as Stripe.PaymentIntent
    const key = intent.metadata["payment"]
    if (key === undefined) return null
    return { ...about, paymentId: key, told: toAnswer(intent, event.created) }
  }
  if (/^(?:refund|charge\.refund)\./.test(event.type) && object.object === "refund") {
    const refund = object as Stripe.Refund
    return {
      ...about,
      ...paymentOf(refund),
      refund: {
        ...toRefund(refund),
        key: refund.metadata?.["refund"] ?? null,
        amount: fromStripe(refund.amount, refund.currency.toUpperCase()),
      },
    }
  }
  if (event.type.startsWith("charge.dispute.") && object.object === "dispute") {
    const told = toDispute(object as Stripe.Dispute)
    return told ? { ...about, ...paymentOf(object as Stripe.Dispute), dispute: told } : null
  }
  return null
}

function paymentOf({
  payment_intent: intent,
  charge,
}: Pick<Stripe.Refund, "payment_intent" | "charge">): Pick<News, "payment"> {
  const [ref, captureRef] = [idOf(intent), idOf(charge)]
  return {
    payment: { ...(ref !== undefined && { ref }), ...(captureRef !== undefined && { captureRef }) },
  }
}
