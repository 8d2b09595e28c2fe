import { badCard, goodCard } from "./cards.ts"
import { type Bill, digitsOf, type GatewayName } from "./party.ts"

const titles: Record<GatewayName, string> = {
  fake: "Fake gateway",
  stripe: "Stripe",
  paypal: "PayPal",
  square: "Square",
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}

/** `12.34 USD` */
function amountOf({ amount, currency }: Bill): string {
  const digits = digitsOf(currency)
  const text = String(amount).padStart(digits + 1, "0")
  const point = text.length - digits
  return `${text.slice(0, point)}${digits > 0 ? `.${text.slice(point)}` : ""} ${currency.toUpperCase()}`
}

/** The page where a payer pays: the card, what it comes to, and what became of it. No script; works in any browser. */
export function payPage(name: GatewayName, bill: Bill, said: string | null): string {
  const title = `${titles[name]} (test)`
  const isChallenge = bill.status === "requires_action"
  const form = `<form method="post">
${isChallenge ? `<p>Your bank asks whether this is you.</p><input type="hidden" name="card" value="${goodCard}">` : cardFields()}
<button>${isChallenge ? "It is me" : name === "paypal" ? "Agree and pay" : "Pay"} ${escaped(amountOf(bill))}</button>
</form>
${isChallenge ? "" : `<p>Test cards: <code>${goodCard}</code> is good, <code>${badCard}</code> is declined.</p>`}
${bill.cancelUrl === null ? "" : `<p><a href="${escaped(bill.cancelUrl)}">Cancel and go back to the shop</a></p>`}`
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 24rem; margin: 3rem auto; padding: 0 1rem }
label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit }
input, button { margin: .25rem 0 1rem; padding: .6rem }
[role=alert] { color: #a00 }
</style>
<h1>${title}</h1>
${said === null ? "" : `<p role="alert">${escaped(said)}</p>`}
${bill.isOpen ? form : `<p>There is nothing to pay here: it is ${escaped(bill.status)}.</p>`}
</html>`
}

function cardFields(): string {
  return `<label>Card number <input name="card" inputmode="numeric" autocomplete="cc-number" value="${goodCard}" required></label>
<label>Expires <input name="expires" autocomplete="cc-exp" value="12/34" required></label>
<label>Security code <input name="cvc" inputmode="numeric" autocomplete="cc-csc" value="123" required></label>`
}

/** What is shown once a payer has paid and there is no shop's page to go to. */
export function paidPage(name: GatewayName): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${titles[name]} (test)</title>
<h1>Thank you</h1>
<p>It is done. You can close this page.</p>
</html>`
}
