import type { Child } from "hono/jsx"
import { renderToString } from "hono/jsx/dom/server"

import type { TaxLine } from "#lib/explain.ts"
import { toDecimal } from "#lib/money.ts"

import type { Order } from "./model.ts"
import { statusNames } from "./status.ts"
import type { orderLines, orders } from "./tables.ts"

type OrderRow = typeof orders.$inferSelect
type LineRow = typeof orderLines.$inferSelect

/** What an order's documents are made of. Amounts in minor units of the order's currency. */
export type Papers = {
  order: OrderRow
  lines: readonly LineRow[]
  /** Whose shop it is, line by line. */
  seller: readonly string[]
  /** What was given back, or is on its way, oldest first. */
  refunds: readonly { amount: number; isPending: boolean; createdAt: string }[]
}

/** The style of both documents; nothing else is loaded, from anywhere. */
export const style = `@page { size: A4; margin: 16mm }
* { box-sizing: border-box }
body { margin: 0; background: #eceff4; color: #1d2433; font: 14px/1.45 -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; overflow-wrap: anywhere }
main { max-width: 820px; margin: 32px auto; padding: 48px; background: #fff; border: 1px solid #e4e8ef; border-radius: 12px }
header { display: flex; justify-content: space-between; gap: 32px; margin: 0 0 32px }
h1 { margin: 0 0 8px; font-size: 28px; line-height: 1.2 }
h2 { margin: 0 0 4px; font-size: 12px; letter-spacing: .04em; text-transform: uppercase; color: #5b6577 }
p { margin: 0 }
address { font-style: normal }
.seller { text-align: right }
.seller p:first-child { font-size: 18px; font-weight: 700 }
.muted { color: #5b6577 }
.parties { display: flex; gap: 32px; margin: 0 0 32px }
.parties > * { flex: 1 }
table { width: 100%; border-collapse: collapse }
th { padding: 8px; text-align: left; font-size: 12px; color: #5b6577; border-bottom: 2px solid #1d2433; white-space: nowrap }
td { padding: 10px 8px; vertical-align: top; border-bottom: 1px solid #e4e8ef }
th:first-child, td:first-child { padding-left: 0 }
th:last-child, td:last-child { padding-right: 0 }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
.sku { white-space: nowrap }
tr { break-inside: avoid }
thead { display: table-header-group }
.totals { width: 60%; margin: 24px 0 0 auto; break-inside: avoid }
.totals td { padding: 4px 0; border: 0 }
.totals .sum td { padding-top: 10px; font-size: 17px; font-weight: 700; border-top: 2px solid #1d2433 }
.box { display: inline-block; width: 18px; height: 18px; border: 1.5px solid #1d2433; border-radius: 3px }
.note { margin-top: 32px; padding: 16px; background: #f4f6fa; border-radius: 8px; white-space: pre-wrap; break-inside: avoid }
.stamp { display: inline-block; margin-top: 8px; padding: 2px 10px; border: 2px solid; border-radius: 6px; font-weight: 700 }
@media print { body { background: none } main { max-width: none; margin: 0; padding: 0; border: 0 } .note { background: none; border: 1px solid #e4e8ef } }
`

/**
 * An order's invoice as a page that prints: what was bought, each tax with its rate, what was paid, given back and is
 * due. Its number is the order's and its date the order's, so it is the same whenever it is asked for.
 */
export function invoice({ order, lines, seller, refunds }: Papers): string {
  const money = formatter(order.currency)
  const isIncluded = order.includedTaxAmount > 0
  const due = order.status === "cancelled" ? 0 : Math.max(0, order.totalAmount - order.paidAmount)
  return page(
    `Invoice ${order.number}`,
    <>
      <Head title="Invoice" order={order} seller={seller} />
      <Parties>
        <Party title="Bill to" address={order.billingAddress} email={order.email} />
        {order.shippingAddress && <Party title="Ship to" address={order.shippingAddress} />}
      </Parties>
      <table>
        <thead>
          <tr>
            <th>Item</th>
            <th class="n">Quantity</th>
            <th class="n">Unit price</th>
            <th class="n">Discount</th>
            <th class="n">Tax</th>
            <th class="n">Amount</th>
          </tr>
        </thead>
        <tbody>
          {lines.map((line) => (
            <tr>
              <Item line={line} />
              <td class="n">{line.quantity}</td>
              <td class="n">{money(line.unitAmount)}</td>
              <td class="n">
                {line.discountAmount === 0 ? "–" : `−${money(line.discountAmount)}`}
              </td>
              <td class="n">{line.taxes.length === 0 ? "–" : line.taxes.map(rateOf).join(", ")}</td>
              <td class="n">{money(line.lineAmount - line.discountAmount)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <table class="totals">
        <tbody>
          <Sum label="Subtotal" amount={money(order.subtotalAmount)} />
          {order.discountAmount > 0 && (
            <Sum
              label={["Discount", ...order.coupons].join(" ")}
              amount={`−${money(order.discountAmount)}`}
            />
          )}
          {(order.shippingAmount > 0 || order.shippingMethod) && (
            <Sum
              label={order.shippingMethod ? `Shipping: ${order.shippingMethod.name}` : "Shipping"}
              amount={money(order.shippingAmount)}
            />
          )}
          {!isIncluded && <Taxes order={order} lines={lines} />}
          <tr class="sum">
            <td>Total {order.currency}</td>
            <td class="n">{money(order.totalAmount)}</td>
          </tr>
          {isIncluded && <Taxes order={order} lines={lines} />}
          <Sum label="Paid" amount={money(order.paidAmount)} />
          {refunds.map(({ amount, isPending, createdAt }) => (
            <Sum
              label={`Refund of ${dayOf(createdAt)}${isPending ? ", on its way" : ""}`}
              amount={`−${money(amount)}`}
            />
          ))}
          <tr class="sum">
            <td>Amount due</td>
            <td class="n">{money(due)}</td>
          </tr>
        </tbody>
      </table>
      <p class="note muted">
        {isIncluded
          ? "Prices include tax."
          : order.taxAmount > 0
            ? "Prices do not include tax; it is added."
            : "No tax was charged."}
      </p>
    </>,
  )
}

/** What to pack and where it goes: no prices, and nothing that is not sent by post. */
export function packingSlip({ order, lines, seller }: Papers): string {
  const packed = lines.filter(({ isDigital }) => !isDigital)
  const left = (line: LineRow) => line.quantity - line.fulfilledQuantity
  const pieces = packed.reduce((sum, line) => sum + left(line), 0)
  return page(
    `Packing slip ${order.number}`,
    <>
      <Head title="Packing slip" order={order} seller={seller} />
      <Parties>
        <Party title="Ship to" address={order.shippingAddress} />
        <div>
          <h2>Sent by</h2>
          <p>{order.shippingMethod?.name ?? order.carrier ?? "–"}</p>
          {order.trackingNumber !== null && <p>{order.trackingNumber}</p>}
        </div>
      </Parties>
      <table>
        <thead>
          <tr>
            <th>Packed</th>
            <th>Item</th>
            <th>SKU</th>
            <th class="n">Ordered</th>
            <th class="n">Sent before</th>
            <th class="n">To pack</th>
          </tr>
        </thead>
        <tbody>
          {packed.map((line) => (
            <tr>
              <td>
                <span class="box"></span>
              </td>
              <Item line={{ ...line, sku: null }} />
              <td class="sku">{line.sku ?? "–"}</td>
              <td class="n">{line.quantity}</td>
              <td class="n">{line.fulfilledQuantity}</td>
              <td class="n">{left(line)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="note muted">
        {pieces} {pieces === 1 ? "piece" : "pieces"} to pack
      </p>
      {order.notes !== "" && <p class="note">{order.notes}</p>}
    </>,
  )
}

function page(title: string, content: Child): string {
  return `<!doctype html>${renderToString(
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>{title}</title>
        <style dangerouslySetInnerHTML={{ __html: style }}></style>
      </head>
      <body>
        <main>{content}</main>
      </body>
    </html>,
  )}`
}

function Head({
  title,
  order,
  seller,
}: {
  title: string
  order: OrderRow
  seller: readonly string[]
}) {
  const hasEnded = order.status === "cancelled" || order.status === "refunded"
  return (
    <header>
      <div>
        <h1>{title}</h1>
        <p>{order.number}</p>
        <p class="muted">{dayOf(order.createdAt)}</p>
        {hasEnded && <p class="stamp">{statusNames[order.status]}</p>}
      </div>
      <div class="seller">
        {seller.map((text) => (
          <p>{text}</p>
        ))}
      </div>
    </header>
  )
}

function Parties({ children }: { children?: Child }) {
  return <div class="parties">{children}</div>
}

function Party({
  title,
  address,
  email,
}: {
  title: string
  address: Order["shipping_address"]
  email?: string
}) {
  const lines = address
    ? [
        [address.first_name, address.last_name],
        [address.address_line_1],
        [address.address_line_2],
        [address.postal_code, address.city],
        [address.state, address.country],
        [address.phone_number],
      ].map((parts) => parts.filter(Boolean).join(" "))
    : []
  return (
    <address>
      <h2>{title}</h2>
      {[...lines, email ?? ""].filter(Boolean).map((text) => (
        <p>{text}</p>
      ))}
    </address>
  )
}

function Item({ line }: { line: LineRow }) {
  const about = [line.sku ?? "", ...Object.entries(line.options).map((pair) => pair.join(": "))]
  return (
    <td>
      {line.name}
      <p class="muted">{about.filter(Boolean).join(" · ")}</p>
    </td>
  )
}

function Sum({ label, amount }: { label: string; amount: string }) {
  return (
    <tr>
      <td>{label}</td>
      <td class="n">{amount}</td>
    </tr>
  )
}

/** Each tax once, by name and rate, over all lines; the shipping's by itself. Together they are all of the order's tax. */
function Taxes({ order, lines }: Pick<Papers, "order" | "lines">) {
  const money = formatter(order.currency)
  const byRate = Map.groupBy(
    lines.flatMap(({ taxes }) => taxes),
    rateOf,
  )
  const word = order.includedTaxAmount > 0 ? "Included " : ""
  return (
    <>
      {[...byRate].map(([rate, taxes]) => (
        <Sum
          label={`${word}${rate}`}
          amount={money(taxes.reduce((sum, { amount }) => sum + amount, 0))}
        />
      ))}
      {order.shippingTaxAmount > 0 && (
        <Sum label={`${word}tax on shipping`} amount={money(order.shippingTaxAmount)} />
      )}
    </>
  )
}

function rateOf({ name, rate }: TaxLine): string {
  return `${name} ${rate} %`
}

function formatter(currency: string): (amount: number) => string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency })
  // Decimals in text are formatted exactly (ECMA-402, Intl mathematical values).
  return (amount) => format.format(toDecimal(amount, currency) as `${number}`)
}

function dayOf(instant: string): string {
  return instant.slice(0, 10)
}
