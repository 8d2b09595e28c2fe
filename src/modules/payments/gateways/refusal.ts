import { refusalOf } from "#platform/call.ts"

import type { RefundAnswer } from "../gateway.ts"

/** A refund that the gateway refused has failed. @throws what is no refusal */
export function failedRefund(error: unknown): RefundAnswer {
  const failure = refusalOf(error)
  if (failure === undefined) throw error
  return { ref: "", status: "failed", failure }
}
