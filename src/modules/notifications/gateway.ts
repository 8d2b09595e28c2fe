import type { MailSender } from "#config.ts"

/** A mail on its way out: both texts say the same. */
export type OutgoingMail = {
  from: MailSender
  to: string
  subject: string
  text: string
  html: string
}

/**
 * What became of a try. `refused`: this mail will never go (a bad address). `failed`: it did not go and may be tried
 * again. `unknown`: it may have gone.
 */
export type Outcome =
  | { result: "sent" }
  | { result: "refused" | "failed" | "unknown"; reason: string }

/** Whoever carries mail. `key` is the same for every try of one mail. Never throws. */
export type MailGateway = {
  /** Whether a second try with the same key sends nothing twice. */
  isIdempotent: boolean
  send(mail: OutgoingMail, key: string): Promise<Outcome>
}
