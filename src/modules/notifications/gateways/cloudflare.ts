import type { MailGateway, Outcome } from "../gateway.ts"

/** Codes by which Cloudflare Email Service says that the mail itself is wrong, whenever it is sent. */
const hopeless = ["E_VALIDATION_ERROR", "E_RECIPIENT_NOT_ALLOWED", "E_RECIPIENT_SUPPRESSED"]

/** Cloudflare Email Service by its `send_email` binding. Its errors carry a `code`; without one nobody knows. */
export function cloudflare(binding: SendEmail | undefined): MailGateway {
  return {
    isIdempotent: false,
    async send(mail): Promise<Outcome> {
      if (!binding) return { result: "failed", reason: "wrangler.toml has no binding EMAIL" }
      const { from, to, subject, text, html } = mail
      try {
        await binding.send({ from: from.name ? from : from.email, to, subject, text, html })
        return { result: "sent" }
      } catch (error) {
        const code = error instanceof Error && "code" in error ? String(error.code) : undefined
        if (code === undefined) return { result: "unknown", reason: String(error) }
        return { result: hopeless.includes(code) ? "refused" : "failed", reason: code }
      }
    },
  }
}
