import type { MailGateway, Outcome } from "../gateway.ts"

/** How long Resend has to answer, in ms. */
const timeoutMs = 10_000

/** Statuses by which Resend says that the mail itself is wrong, whenever it is sent. */
const hopeless = [400, 422]

/** Resend over HTTP: POST /emails. Its `Idempotency-Key` lives 24 h. */
export function resend({ url, apiKey }: { url: string; apiKey: string }): MailGateway {
  return {
    isIdempotent: true,
    async send(mail, key): Promise<Outcome> {
      const { from, to, subject, text, html } = mail
      try {
        const response = await fetch(`${url}/emails`, {
          method: "POST",
          headers: {
            authorization: `Bearer ${apiKey}`,
            "content-type": "application/json",
            "idempotency-key": key,
          },
          body: JSON.stringify({
            from: from.name ? `${from.name} <${from.email}>` : from.email,
            to: [to],
            subject,
            text,
            html,
          }),
          signal: AbortSignal.timeout(timeoutMs),
        })
        // The id that a success answers is of no use here, but an unread body holds the connection.
        await response.body?.cancel()
        if (response.ok) return { result: "sent" }
        const reason = `resend answered ${response.status}`
        return { result: hopeless.includes(response.status) ? "refused" : "failed", reason }
      } catch (error) {
        return { result: "unknown", reason: `resend did not answer: ${String(error)}` }
      }
    },
  }
}
