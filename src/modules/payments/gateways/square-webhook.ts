import type { SquareSettings } from "#config.ts"
import { equal, fromBase64url, base64url, hmac } from "#lib/secret.ts"

import type { News, ReadWebhook, Webhook } from "../gateway.ts"
import {
  keysOf,
  ofPayment,
  type SquareDispute,
  type SquarePayment,
  type SquareRefund,
  toDispute,
  toRefund,
} from "./square-told.ts"

type Event = {
  event_id: string
  type: string
  data: { object: { payment?: SquarePayment; refund?: SquareRefund; dispute?: SquareDispute } }
}

/**
 * Verifies `x-square-hmacsha256-signature` (developer.squareup.com/docs/webhooks/step3validate): HMAC-SHA-256 of the
 * registered address and the raw body, in base64. It bears no time: what comes again is known by its event's id.
 */
export async function readSquare(
  { signatureKey, notificationUrl }: SquareSettings,
  { headers, body }: Webhook,
): Promise<ReadWebhook> {
  try {
    const sent = base64url(fromBase64url(headers.get("x-square-hmacsha256-signature") ?? ""))
    if (!equal(sent, await hmac(signatureKey, notificationUrl + body))) return { isGenuine: false }
    return { isGenuine: true, news: newsOf(JSON.parse(body) as Event) }
  } catch {
    return { isGenuine: false }
  }
}

/** What an event says; `null` for what we do not follow, and for what was sold otherwise. */
function newsOf({ event_id: eventId, type: kind, data }: Event): News | null {
  const { payment, refund, dispute } = data.object
  const about = { eventId, kind, paymentId: null, told: null }
  if (/^payment\.(?:created|updated)$/.test(kind) && payment) {
    const keys = keysOf(payment)
    return keys ? { ...about, paymentId: keys.key, told: ofPayment(payment) } : null
  }
  if (/^refund\.(?:created|updated)$/.test(kind) && refund)
    return {
      ...about,
      payment: refund.payment_id === undefined ? {} : { captureRef: refund.payment_id },
      refund: {
        ...toRefund(refund),
        key: refund.reason ?? null,
        amount: refund.amount_money.amount,
      },
    }
  if (/^dispute\.(?:created|state\.(?:changed|updated))$/.test(kind) && dispute) {
    const told = toDispute(dispute)
    const captureRef = told?.payment.captureRef ?? null
    if (!told || captureRef === null) return null
    return { ...about, payment: { captureRef }, dispute: told }
  }
  return null
}
