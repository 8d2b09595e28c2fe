import type { SquareSettings } from "#config.ts"
import { refused } from "#platform/call.ts"

import type { Answer, Asked, Gateway, Listed, StartRequest } from "../gateway.ts"
import { toSquare } from "./amounts.ts"
import { failedRefund } from "./refusal.ts"
import { squareOf } from "./square-client.ts"
import {
  keysOf,
  noteOf,
  ofOrder,
  ofPayment,
  type SquareDispute,
  type SquareOrder,
  type SquarePayment,
  type SquareRefund,
  toDispute,
  toRefund,
} from "./square-told.ts"
import { readSquare } from "./square-webhook.ts"

type Link = {
  payment_link: { id: string; order_id: string; url: string; long_url?: string; created_at: string }
  related_resources?: { orders?: SquareOrder[] }
}

/**
 * Square by payment links, paid on a page of Square's (developer.squareup.com/docs/checkout-api): a card's token of its
 * browser script could be sent once only, so that a lost answer could not be asked for again, and every client would
 * need the script. A link takes the money at once, always. Its order is `ref`, the payment of it `captureRef`. Our
 * payment's id is the idempotency key, and in the order's metadata and the payment's note.
 */
export function square(settings: SquareSettings): Gateway {
  const ask = squareOf(settings)

  async function link(request: StartRequest): Promise<Link> {
    const made = await ask<Link>("POST", "/v2/online-checkout/payment-links", {
      idempotency_key: request.key,
      ...linkOf(settings.locationId, request),
    })
    if (!made) throw refused("NOT_FOUND")
    return made
  }
  async function start(request: StartRequest): Promise<Answer> {
    const { payment_link: made, related_resources } = await link(request)
    const order = related_resources?.orders?.[0] ?? (await orderAt(made.order_id))
    return { ...ofOrder(order), redirectUrl: made.url }
  }
  const seek = async (id: string) =>
    (await ask<{ order: SquareOrder }>("GET", `/v2/orders/${id}`))?.order
  async function orderAt(id: string): Promise<SquareOrder> {
    const order = await seek(id)
    if (!order) throw refused("NOT_FOUND")
    return order
  }
  const look = async (id: string) => answerOf(await orderAt(id))
  /** An order, by its payment once there is one. */
  async function answerOf(order: SquareOrder): Promise<Answer> {
    const tender = order.tenders?.at(-1)
    if (!tender) return ofOrder(order)
    const path = `/v2/payments/${tender.payment_id ?? tender.id}`
    const found = await ask<{ payment: SquarePayment }>("GET", path)
    return found ? { ...ofPayment(found.payment), ref: order.id } : ofOrder(order)
  }

  /** A page of disputes. Square lists all there ever were, and those that are over only when they are named. */
  async function disputesAt(since: Date, after: string): Promise<Listed> {
    const query = new URLSearchParams({
      location_id: settings.locationId,
      states: "EVIDENCE_REQUIRED,PROCESSING,WON,LOST,ACCEPTED",
      ...(after !== "" && { cursor: after }),
    })
    const page = await ask<{ disputes?: SquareDispute[]; cursor?: string }>(
      "GET",
      `/v2/disputes?${query.toString()}`,
    )
    const moved = (page?.disputes ?? []).filter(
      ({ updated_at }) => updated_at === undefined || Date.parse(updated_at) >= since.getTime(),
    )
    return {
      payments: [],
      refunds: [],
      disputes: moved.flatMap((dispute) => toDispute(dispute) ?? []),
      next: page?.cursor === undefined ? null : `disputes:${page.cursor}`,
    }
  }

  return {
    takes: (amount) => toSquare(amount) !== undefined,
    start,
    async capture({ ref }) {
      // There is nothing to take: a link has taken it, or nobody has paid.
      if (ref === null) throw refused("NOT_FOUND")
      return look(ref)
    },
    async cancel(payment: Asked) {
      // Asked for again under its key, a link says how it is called.
      const { payment_link: made } = await link(payment)
      await ask("DELETE", `/v2/online-checkout/payment-links/${made.id}`)
      return look(payment.ref ?? made.order_id)
    },
    async find({ ref, ...payment }) {
      if (ref === null) return start(payment)
      const order = await seek(ref)
      return order && answerOf(order)
    },
    async refund({ ref, captureRef }, { amount, currency }, key) {
      try {
        const payment = captureRef ?? (await look(ref)).captureRef
        if (payment === undefined) throw refused("nothing-captured")
        const made = await ask<{ refund: SquareRefund }>("POST", "/v2/refunds", {
          idempotency_key: key,
          payment_id: payment,
          amount_money: { amount, currency },
          reason: key,
        })
        if (!made) throw refused("NOT_FOUND")
        return toRefund(made.refund)
      } catch (error) {
        return failedRefund(error)
      }
    },
    async findRefund({ key, ref, payment: { captureRef } }) {
      const refundAt = (id: string) => ask<{ refund: SquareRefund }>("GET", `/v2/refunds/${id}`)
      if (ref !== null) {
        const found = await refundAt(ref)
        return found && toRefund(found.refund)
      }
      if (captureRef === null) return undefined
      const of = await ask<{ payment: SquarePayment }>("GET", `/v2/payments/${captureRef}`)
      for (const id of of?.payment.refund_ids ?? []) {
        const found = await refundAt(id)
        if (found?.refund.reason === key) return toRefund(found.refund)
      }
      return undefined
    },
    async findDispute(ref) {
      const found = await ask<{ dispute: SquareDispute }>("GET", `/v2/disputes/${ref}`)
      return found && toDispute(found.dispute)
    },
    readWebhook: (webhook) => readSquare(settings, webhook),
    async list(since, cursor): Promise<Listed> {
      const [, kind = "payments", after = ""] = /^(\w+):(.*)$/.exec(cursor ?? "") ?? []
      if (kind === "disputes") return disputesAt(since, after)
      const query = new URLSearchParams({
        location_id: settings.locationId,
        updated_at_begin_time: since.toISOString(),
        sort_field: "UPDATED_AT",
        sort_order: "ASC",
        limit: "100",
        ...(after !== "" && { cursor: after }),
      })
      const page = await ask<{
        payments?: SquarePayment[]
        refunds?: SquareRefund[]
        cursor?: string
      }>("GET", `/v2/${kind}?${query.toString()}`)
      const more = page?.cursor === undefined ? null : `${kind}:${page.cursor}`
      return {
        payments: (page?.payments ?? []).map((payment) => ({
          ...ofPayment(payment),
          ref: payment.order_id ?? null,
          key: keysOf(payment)?.key ?? null,
        })),
        refunds: (page?.refunds ?? []).map((refund) => ({
          ...toRefund(refund),
          key: refund.reason ?? null,
          ...refund.amount_money,
          payment: { ref: null, captureRef: refund.payment_id ?? null },
        })),
        disputes: [],
        next: more ?? (kind === "payments" ? "refunds:" : "disputes:"),
      }
    },
  }
}

/** The link that is asked for; the same for the same payment. */
function linkOf(locationId: string, { key, reference, returnUrl, ...amount }: StartRequest) {
  const money = toSquare(amount)
  if (!money) throw refused("amount-not-taken")
  return {
    order: {
      location_id: locationId,
      reference_id: key,
      metadata: { payment: key, reference },
      line_items: [{ name: "Your order", quantity: "1", base_price_money: money }],
    },
    payment_note: noteOf(reference, key),
    checkout_options: {
      allow_tipping: false,
      ask_for_shipping_address: false,
      ...(returnUrl !== undefined && { redirect_url: returnUrl }),
    },
  }
}
