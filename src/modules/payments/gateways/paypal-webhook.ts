import type { PaypalSettings } from "#config.ts"
import { crc32 } from "#lib/crc32.ts"
import { type Certificate, isChain, isSigned, readPem } from "#lib/x509.ts"
import { fetchWithin } from "#platform/call.ts"

import type { Gateway, News, ReadWebhook, Webhook } from "../gateway.ts"
import { fromPaypal } from "./amounts.ts"
import {
  type PaypalDispute,
  type PaypalOrder,
  type PaypalPayment,
  type PaypalRefund,
  toAnswer,
  toDispute,
  toldOf,
  toRefund,
} from "./paypal-told.ts"

/** How old a transmission may be, and how far ahead, in seconds. */
const windowSeconds = 300

/** sha256WithRSAEncryption, PayPal's `SHA256withRSA`. */
const sha256WithRsa = "2a864886f70d01010b"

type Event = { id: string; event_type: string; create_time?: string; resource: unknown }

/**
 * Verifies what PayPal signs (developer.paypal.com/api/rest/webhooks): `id|time|webhook id|CRC-32 of the raw body`, by
 * the certificate at an address that the sender names. So only PayPal's own hosts are asked for one, over TLS, which is
 * what vouches for the end of its chain; it must be made out to paypal.com, and in date. Certificates are kept for the
 * life of the isolate.
 */
export function paypalWebhooks(settings: PaypalSettings): Gateway["readWebhook"] {
  const chains = new Map<string, Certificate[]>()

  async function chainAt(url: string): Promise<Certificate[] | undefined> {
    const known = chains.get(url)
    if (known || !isCertificateUrl(settings, url)) return known
    const signal = AbortSignal.timeout(5000)
    const response = await fetchWithin(64 * 1024, url, { signal })
    if (response.status !== 200) return undefined
    const chain = readPem(await response.text())
    // Few at a time: whoever floods us with addresses fills nothing.
    if (chains.size >= 8) chains.clear()
    chains.set(url, chain)
    return chain
  }

  async function isGenuine({ headers, body, now }: Webhook): Promise<boolean> {
    const header = (name: string) => headers.get(`paypal-${name}`) ?? ""
    const [id, time] = [header("transmission-id"), header("transmission-time")]
    const age = Math.abs(now.getTime() - Date.parse(time)) / 1000
    if (header("auth-algo") !== "SHA256withRSA" || !(age <= windowSeconds)) return false
    const chain = await chainAt(header("cert-url"))
    const [leaf] = chain ?? []
    if (!chain || !leaf?.names.some((name) => name.endsWith(".paypal.com"))) return false
    if (!(await isChain(chain, now))) return false
    const signed = `${id}|${time}|${settings.webhookId}|${crc32(body)}`
    const signature = Uint8Array.from(atob(header("transmission-sig")), (char) =>
      char.charCodeAt(0),
    )
    return isSigned(leaf, sha256WithRsa, signature, new TextEncoder().encode(signed))
  }

  return async (webhook): Promise<ReadWebhook> => {
    try {
      if (!(await isGenuine(webhook))) return { isGenuine: false }
      return { isGenuine: true, news: newsOf(JSON.parse(webhook.body) as Event) }
    } catch {
      return { isGenuine: false }
    }
  }
}

/** Whether an address is one of PayPal's for certificates: its own hosts, named in full, and nothing beside. */
export function isCertificateUrl({ isSandbox, apiUrl }: PaypalSettings, url: string): boolean {
  const hosts = isSandbox
    ? ["https://api.sandbox.paypal.com", "https://api-m.sandbox.paypal.com"]
    : ["https://api.paypal.com", "https://api-m.paypal.com"]
  const origins = apiUrl === undefined ? hosts : [new URL(apiUrl).origin]
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  return (
    parsed !== undefined &&
    origins.includes(parsed.origin) &&
    parsed.username === "" &&
    parsed.password === "" &&
    /^\/v1\/notifications\/certs\/[\w-]+$/.test(parsed.pathname) &&
    parsed.search === ""
  )
}

/** What an event says; `null` for what we do not follow. */
function newsOf({ id, event_type: kind, create_time, resource }: Event): News | null {
  const about = { eventId: id, kind, paymentId: null, told: null }
  const at = create_time ?? ""
  if (/^CHECKOUT\.ORDER\.(?:APPROVED|COMPLETED)$/.test(kind)) {
    const order = resource as PaypalOrder
    const told = toAnswer(order)
    const paymentId = order.purchase_units[0]?.invoice_id ?? null
    return { ...about, paymentId, told, isIncomplete: told.isApproved === true }
  }
  if (
    /^PAYMENT\.(?:CAPTURE|AUTHORIZATION)\.(?:COMPLETED|CREATED|PENDING|DENIED|DECLINED|VOIDED)$/.test(
      kind,
    )
  )
    return { ...about, ...ofPayment(kind, resource as PaypalPayment, at) }
  if (/^PAYMENT\.(?:CAPTURE\.REFUNDED|REFUND\.\w+)$/.test(kind)) {
    const refund = resource as PaypalRefund
    const up = refund.links?.find(({ rel }) => rel === "up")?.href
    const captureRef = up?.split("/").at(-1)
    return {
      ...about,
      payment: captureRef === undefined ? {} : { captureRef },
      refund: {
        ...toRefund(refund),
        key: refund.custom_id ?? null,
        amount: fromPaypal(refund.amount),
      },
    }
  }
  if (/^CUSTOMER\.DISPUTE\.(?:CREATED|UPDATED|RESOLVED)$/.test(kind)) {
    const dispute = toDispute(resource as PaypalDispute)
    if (!dispute) return null
    const { captureRef } = dispute.payment
    return {
      ...about,
      paymentId: dispute.key,
      payment: captureRef === null ? {} : { captureRef },
      dispute,
    }
  }
  return null
}

/** What a capture or an authorization says: the whole payment, but for captures of what was authorized, maybe in part. */
function ofPayment(kind: string, payment: PaypalPayment, at: string): Partial<News> {
  const paymentId = payment.invoice_id ?? null
  const { order_id: ref, authorization_id } = payment.supplementary_data?.related_ids ?? {}
  if (ref === undefined || authorization_id !== undefined)
    return { paymentId, payment: ref === undefined ? {} : { ref }, isIncomplete: true }
  const status = kind.endsWith("VOIDED")
    ? "voided"
    : /(?:DENIED|DECLINED)$/.test(kind)
      ? "failed"
      : kind.endsWith("PENDING")
        ? "unpaid"
        : kind.startsWith("PAYMENT.CAPTURE")
          ? "paid"
          : "authorized"
  return { paymentId, told: toldOf(payment, status, at) }
}
