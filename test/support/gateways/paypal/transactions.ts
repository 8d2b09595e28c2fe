import type { PayPal } from "./paypal.ts"
import { malformed, minorOf, moneyOf } from "./wire.ts"

/** Transaction search v1: captures and refunds between two dates, oldest first. */
export function transactionsOf(paypal: PayPal, query: URLSearchParams): unknown {
  const from = query.get("start_date")
  const to = query.get("end_date")
  if (!from || !to) throw malformed("MISSING_REQUIRED_PARAMETER", from ? "end_date" : "start_date")
  if (Date.parse(to) - Date.parse(from) > 31 * 86_400_000)
    throw malformed("INVALID_PARAMETER_VALUE", "end_date", to)
  const size = Math.min(500, Number(query.get("page_size") ?? 100))
  const page = Number(query.get("page") ?? 1)
  const rows = [
    ...[...paypal.table("captures").values()].map((row) => ({
      row,
      of: row.order,
      type: "ODR",
      code: "T0006",
      sign: 1,
    })),
    ...[...paypal.table("refunds").values()].map((row) => ({
      row,
      of: row.capture,
      type: "TXN",
      code: "T1107",
      sign: -1,
    })),
  ]
    .filter(
      ({ row }) =>
        Date.parse(row.create_time) >= Date.parse(from) &&
        Date.parse(row.create_time) <= Date.parse(to),
    )
    .toSorted((a, b) => a.row.create_time.localeCompare(b.row.create_time))
  const states: Record<string, string> = { PENDING: "P", FAILED: "D" }
  return {
    transaction_details: rows
      .slice((page - 1) * size, page * size)
      .map(({ row, of, type, code, sign: by }) => {
        const { currency_code: currency } = row.amount
        const fee = row.seller_receivable_breakdown?.paypal_fee
        return {
          transaction_info: {
            transaction_id: row.id,
            paypal_reference_id: of,
            paypal_reference_id_type: type,
            transaction_event_code: code,
            transaction_initiation_date: row.create_time,
            transaction_updated_date: row.update_time,
            transaction_amount: moneyOf(by * minorOf(row.amount, "amount"), currency),
            ...(fee && { fee_amount: moneyOf(-minorOf(fee, "fee", true), currency) }),
            transaction_status: states[row.status] ?? "S",
            ...(row.invoice_id && { invoice_id: row.invoice_id }),
            ...(row.custom_id && { custom_field: row.custom_id }),
            protection_eligibility: "01",
          },
        }
      }),
    account_number: "NEXUSMERCHANT",
    start_date: from,
    end_date: to,
    last_refreshed_datetime: paypal.now(),
    page,
    total_items: rows.length,
    total_pages: Math.ceil(rows.length / size),
    links: [],
  }
}

/** Disputes that changed since a time, the newest first, in short: what each is about is shown when it is asked for. */
export function disputesOf(paypal: PayPal, query: URLSearchParams): unknown {
  const size = Math.min(50, Number(query.get("page_size") ?? 10))
  const start = Number(query.get("next_page_token") ?? 0)
  const since = Date.parse(query.get("update_time_after") ?? "1970-01-01T00:00:00Z")
  const rows = [...paypal.table("disputes").values()]
    .filter(({ update_time }) => Date.parse(update_time) >= since)
    .toReversed()
  const next = new URLSearchParams(query)
  next.set("next_page_token", String(start + size))
  return {
    items: rows
      .slice(start, start + size)
      .map(({ disputed_transactions: _about, dispute_outcome: _outcome, ...short }) => short),
    links:
      start + size < rows.length
        ? [{ href: `${paypal.base}/v1/customer/disputes?${next.toString()}`, rel: "next" }]
        : [],
  }
}
