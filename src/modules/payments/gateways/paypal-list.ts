import type { Listed, ToldDispute } from "../gateway.ts"
import { fromPaypal, type PaypalMoney } from "./amounts.ts"
import type { Paypal } from "./paypal-client.ts"
import { toldAt } from "./told-at.ts"

/** A page of Transaction Search v1, some hours behind; at most 31 days at once. */
export type PaypalTransactions = {
  transaction_details: {
    transaction_info: {
      transaction_id: string
      paypal_reference_id?: string
      paypal_reference_id_type?: string
      transaction_event_code?: string
      transaction_updated_date?: string
      transaction_amount: PaypalMoney
      fee_amount?: PaypalMoney
      transaction_status: string
      invoice_id?: string
      custom_field?: string
    }
  }[]
  total_pages?: number
}

/** Sales (T00…) and refunds (T1107) of a page; other movements are none of a shop's. */
export function pageOf({ transaction_details, total_pages }: PaypalTransactions, page: number) {
  const all = transaction_details.map(({ transaction_info }) => transaction_info)
  const listed: Listed = {
    payments: all
      .filter(({ transaction_event_code: code }) => code?.startsWith("T00"))
      .map((one) => {
        const { currency_code: currency } = one.transaction_amount
        const amount = fromPaypal(one.transaction_amount)
        const isTaken = one.transaction_status === "S" || one.transaction_status === "V"
        const status = isTaken ? "paid" : one.transaction_status === "D" ? "failed" : "unpaid"
        return {
          ref: one.paypal_reference_id_type === "ODR" ? (one.paypal_reference_id ?? null) : null,
          ...(isTaken && { captureRef: one.transaction_id }),
          key: one.invoice_id ?? null,
          reference: one.custom_field ?? "",
          status,
          currency,
          amount,
          capturedAmount: isTaken ? amount : 0,
          ...(one.fee_amount?.currency_code === currency && {
            fee: fromPaypal(positive(one.fee_amount)),
          }),
          failure: null,
          at: toldAt(Date.parse(one.transaction_updated_date ?? "") || 0, status),
        }
      }),
    refunds: all
      .filter(({ transaction_event_code: code }) => code === "T1107")
      .map((one) => ({
        ref: one.transaction_id,
        status:
          one.transaction_status === "S"
            ? "succeeded"
            : one.transaction_status === "P"
              ? "pending"
              : "failed",
        failure: null,
        key: one.custom_field ?? null,
        amount: fromPaypal(positive(one.transaction_amount)),
        currency: one.transaction_amount.currency_code,
        payment: { ref: null, captureRef: one.paypal_reference_id ?? null },
      })),
    disputes: [],
    next: page < (total_pages ?? 0) ? String(page + 1) : "disputes:",
  }
  return listed
}

/** A page of the disputes that changed since a time, in short: what each is about must be asked for. */
type PaypalDisputes = {
  items?: { dispute_id: string }[]
  links?: { rel: string; href: string }[]
}

/**
 * A page of the disputes that changed since a time; `token`: where it begins. PayPal looks back 180 days.
 * `find`: what there is to one.
 */
export async function disputesOf(
  ask: Paypal,
  since: Date,
  token: string,
  find: (ref: string) => Promise<ToldDispute | undefined>,
): Promise<Listed> {
  const query = new URLSearchParams({
    update_time_after: since.toISOString(),
    page_size: "10",
    ...(token !== "" && { next_page_token: token }),
  })
  const page = await ask<PaypalDisputes>({
    method: "GET",
    path: `/v1/customer/disputes?${query.toString()}`,
  })
  const all = await Promise.all((page?.items ?? []).map((item) => find(item.dispute_id)))
  const more = page?.links?.find(({ rel }) => rel === "next")?.href
  const next = more === undefined ? null : new URL(more).searchParams.get("next_page_token")
  return {
    payments: [],
    refunds: [],
    disputes: all.flatMap((dispute) => dispute ?? []),
    next: next === null ? null : `disputes:${next}`,
  }
}

/** What leaves the account is written with a minus. */
function positive({ value, currency_code }: PaypalMoney): PaypalMoney {
  return { value: value.replace(/^-/, ""), currency_code }
}
