import type { Child } from "hono/jsx"

import type { AppContext } from "#http/env.ts"
import { createRouter } from "#http/router.ts"

/** Our own script and style only; the form is sent by the script, to our own API. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ")

/**
 * Sends the form's fields, and the token from behind the `#` of the address, which no server log and no referrer ever
 * sees. Says what the API says.
 */
const script = `const form = document.querySelector("form")
const said = document.querySelector("output")
const token = new URLSearchParams(location.hash.slice(1)).get("token")
history.replaceState(null, "", location.pathname)
if (!token) said.textContent = "This page is opened by the link of a mail."
form.addEventListener("submit", async (event) => {
  event.preventDefault()
  const button = form.querySelector("button")
  button.disabled = true
  said.textContent = ""
  try {
    const response = await fetch(form.dataset.to, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token, ...Object.fromEntries(new FormData(form)) }),
    })
    const body = await response.json()
    said.textContent = response.ok ? form.dataset.done ?? body.message : body.errors?.[0]?.detail ?? body.detail
    if (response.ok) return form.querySelector("fieldset").remove()
  } catch {
    said.textContent = "That did not go through. Try again."
  }
  button.disabled = false
})
`

/**
 * Asks for what is needed to pay an order, with the token from behind the `#` as its `X-Order-Token`, and goes to the
 * gateway's own page, where it has one.
 */
const payScript = `const form = document.querySelector("form")
const said = document.querySelector("output")
const given = new URLSearchParams(location.hash.slice(1))
const [token, order] = [given.get("token"), given.get("order")]
history.replaceState(null, "", location.pathname)
if (!token || !order) said.textContent = "This page is opened by the link of a mail."
form.addEventListener("submit", async (event) => {
  event.preventDefault()
  const button = form.querySelector("button")
  button.disabled = true
  said.textContent = ""
  try {
    const response = await fetch(form.dataset.to, {
      method: "POST",
      headers: { "content-type": "application/json", "x-order-token": token },
      body: JSON.stringify({ order }),
    })
    const body = await response.json()
    if (response.ok && body.redirect_url) return location.assign(body.redirect_url)
    said.textContent = response.ok ? form.dataset.done : body.errors?.[0]?.detail ?? body.detail
  } catch {
    said.textContent = "That did not go through. Try again."
  }
  button.disabled = false
})
`

const style = `body { margin: 0; background: #f4f6fa; color: #1d2433; font: 16px/1.5 -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif }
main { box-sizing: border-box; max-width: 420px; margin: 10vh auto; padding: 32px; background: #fff; border: 1px solid #e4e8ef; border-radius: 12px }
h1 { margin: 0 0 16px; font-size: 22px }
fieldset { margin: 0 0 16px; padding: 0; border: 0 }
label { display: block; margin: 0 0 16px }
input { box-sizing: border-box; width: 100%; margin-top: 4px; padding: 10px 12px; font: inherit; border: 1px solid #b8c1d1; border-radius: 8px }
button { padding: 12px 24px; font: inherit; font-weight: 600; color: #fff; background: #2f5bea; border: 0; border-radius: 8px }
button:disabled { opacity: .5 }
output { display: block }
`

/** The pages that mailed links lead to, for shops that have none of their own yet. */
export const accountPages = createRouter()

accountPages.get("/account/reset-password", (c) =>
  page(
    c,
    <Page title="Choose a new password" to="/api/v1/auth/password/reset/confirm">
      <label>
        New password
        <input name="new_password" type="password" autocomplete="new-password" required />
      </label>
      <label>
        Again
        <input name="new_password_confirm" type="password" autocomplete="new-password" required />
      </label>
      <button>Set the password</button>
    </Page>,
  ),
)
accountPages.get("/account/confirm-email", (c) =>
  page(
    c,
    <Page title="Confirm your new e-mail address" to="/api/v1/auth/email/confirm">
      <button>Confirm the address</button>
    </Page>,
  ),
)
accountPages.get("/cart/recover", (c) =>
  page(
    c,
    <Page title="Your cart" to="/api/v1/cart/recover" done="Your cart is open again.">
      <button>Open the cart</button>
    </Page>,
  ),
)
accountPages.get("/orders/pay", (c) =>
  page(
    c,
    <Page
      title="Pay your order"
      to="/api/v1/payments"
      done="Sign in to the shop to pay this order there."
      script="/account/pay.js"
    >
      <button>Pay</button>
    </Page>,
  ),
)
accountPages.get("/account/pay.js", (c) => file(c, "text/javascript", payScript))
accountPages.get("/account/page.js", (c) => file(c, "text/javascript", script))
accountPages.get("/account/page.css", (c) => file(c, "text/css", style))

/** `done` is said instead of the API's own message. */
function Page({
  title,
  to,
  done,
  script = "/account/page.js",
  children,
}: {
  title: string
  to: string
  done?: string
  script?: string
  children?: Child
}) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>{title}</title>
        <link rel="stylesheet" href="/account/page.css" />
      </head>
      <body>
        <main>
          <h1>{title}</h1>
          <form data-to={to} data-done={done}>
            <fieldset>{children}</fieldset>
            <output role="status"></output>
          </form>
        </main>
        <script src={script}></script>
      </body>
    </html>
  )
}

function page(c: AppContext, content: ReturnType<typeof Page>) {
  c.header("Content-Security-Policy", policy)
  c.header("Referrer-Policy", "no-referrer")
  c.header("Cache-Control", "no-store")
  return c.html(content)
}

function file(c: AppContext, type: string, text: string): Response {
  return c.body(text, 200, {
    "Content-Type": `${type}; charset=utf-8`,
    "Cache-Control": "public, max-age=3600",
  })
}
