import type { Ctx } from "#context.ts"
import type { Id } from "#lib/id.ts"
import { iso } from "#lib/time.ts"
import { refusalOf } from "#platform/call.ts"

import { requestOf } from "./asking.ts"
import { gatewayOf } from "./gateways.ts"
import { isGateway } from "./method.ts"
import {
  changedEvent,
  checkIn,
  close,
  get,
  isOpen,
  type PaymentRow,
  record,
  selectOf,
  type Staged,
  update,
  versionRefusals,
} from "./payments.ts"

/**
 * Gives up what is still to be paid of a reference, in the batch of what makes it so: at once where there is no
 * gateway, else the subscriber of `payment.void-requested` asks it. What it has taken by then comes back as
 * `payment.changed`.
 */
export async function stageVoid(ctx: Ctx, reference: string): Promise<Staged> {
  const open = (await selectOf(ctx, reference)).filter(isOpen)
  return stageVoidOf(ctx, open)
}

/** The same for payments that were read already. */
export function stageVoidOf(ctx: Ctx, open: readonly PaymentRow[]): Staged {
  const steps = open.map((known) => {
    const now = iso(ctx.now)
    const isOurs = !isGateway(known.provider)
    const next: PaymentRow = {
      ...known,
      status: isOurs ? "voided" : known.status,
      voidRequestedAt: now,
      checkAt: isOurs ? null : checkIn(ctx, { checks: 0 }),
      version: known.version + 1,
      updatedAt: now,
    }
    return { next, isOurs, statement: update(ctx, known, next) }
  })
  return {
    statements: steps.map(({ statement }) => statement),
    events: steps.map(({ next, isOurs }) =>
      isOurs
        ? changedEvent(next)
        : {
            type: "payment.void-requested" as const,
            paymentId: next.id,
            reference: next.reference,
          },
    ),
    refusals: versionRefusals,
  }
}

/** Asks the gateway to give a payment up. Idempotent; what it had taken by then is recorded. @throws `unavailable` */
export async function runVoid(
  ctx: Ctx,
  { paymentId }: { paymentId: Id<"payment"> },
): Promise<void> {
  await cancelAtGateway(ctx, await get(ctx, paymentId))
}

/**
 * Has the gateway give a payment up, and records what it says. What it never took, or has forgotten, is given up by
 * that. @throws `unavailable`, `payment-refused` when it will not give up what it has
 */
export async function cancelAtGateway(ctx: Ctx, payment: PaymentRow): Promise<PaymentRow> {
  const gateway = gatewayOf(ctx, payment.provider)
  if (!gateway || !isOpen(payment)) return payment
  const asked = requestOf(ctx, payment)
  try {
    return await record(ctx, payment, await gateway.cancel(asked))
  } catch (error) {
    if (refusalOf(error) === undefined) throw error
    const isThere = asked.ref !== null && (await gateway.find(asked)) !== undefined
    if (isThere) throw error
    return close(ctx, payment, { status: "voided", failure: payment.failure })
  }
}
