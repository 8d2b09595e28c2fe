import type { BatchResponse } from "drizzle-orm/batch"

import type { Ctx } from "#context.ts"
import { DomainError, type ErrorCode } from "#errors.ts"
import type { Event } from "#events.ts"
import { seal } from "#lib/secret.ts"
import { iso } from "#lib/time.ts"
import type { Statement } from "#platform/db.ts"
import * as outbox from "#platform/outbox.ts"
import { idempotency } from "#platform/tables.ts"

type Also = {
  /** Sent to the subscribers after the answer, at least once, even if this process dies now. */
  events?: readonly Event[]
  /** What each broken constraint means: its name, or `table.column` as SQLite words it. */
  refusals?: Record<string, ErrorCode | (() => DomainError)>
  /**
   * What the verb will answer: stored with the change when the request carries an idempotency key, so that a crash
   * before the answer replays as the effect. `null`: the answer is read anew then (`recover` of the route).
   * A verb that commits more than once gives it with the commit that makes the retry unnecessary.
   */
  result?: unknown
}

/**
 * Runs the statements and records the events as one transaction: all or none. D1 has no other kind.
 * Answers what each statement answered, in order.
 * @throws the refusal of the broken constraint; `request-in-progress` when another request with the same
 * idempotency key has committed meanwhile
 */
export async function commit<const S extends readonly Statement[]>(
  ctx: Ctx,
  statements: S,
  also: Also = {},
): Promise<BatchResponse<S>> {
  const { messages, statements: outboxRows } = outbox.stage(ctx, also.events ?? [])
  const effect = "result" in also ? await stageEffect(ctx, also.result) : []
  const [first, ...rest] = [...statements, ...effect, ...outboxRows]
  if (!first) throw new Error("nothing to commit")
  try {
    const results = await ctx.db.batch([first, ...rest])
    if (messages.length > 0) ctx.defer(outbox.flush(ctx, messages))
    // The batch answers in order, the caller's statements first.
    return results.slice(0, statements.length) as BatchResponse<S>
  } catch (error) {
    throw refusalOf(error, { "idempotency.key": "request-in-progress", ...also.refusals }) ?? error
  }
}

const racedErrors = new WeakSet<DomainError>()

/** Marks a refusal that a second look may not meet again: somebody else was first. */
export function raced(error: DomainError): DomainError {
  racedErrors.add(error)
  return error
}

/** Looks and commits; again, up to `most` times, while somebody else was first. The work reads anew each time. */
export async function retryRaced<T>(work: (tries: number) => Promise<T>, most = 5): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work(tries)
    } catch (error) {
      if (!(error instanceof DomainError && racedErrors.has(error)) || tries === most) throw error
    }
  }
}

async function stageEffect(ctx: Ctx, result: unknown): Promise<Statement[]> {
  if (!ctx.once) return []
  const { key, token, fingerprint } = ctx.once
  const answer =
    result === null ? null : await seal(JSON.stringify({ body: result }), ctx.config.dataKey, key)
  return [
    ctx.db
      .insert(idempotency)
      .values({ key, stage: "effect", fingerprint, token, answer, createdAt: iso(ctx.now) }),
  ]
}

/** The refusal that a broken constraint stands for; `undefined` when the error is something else. */
function refusalOf(
  error: unknown,
  refusals: NonNullable<Also["refusals"]>,
): DomainError | undefined {
  const message = constraintMessage(error)
  if (message === undefined) return undefined
  for (const [constraint, refusal] of Object.entries(refusals)) {
    if (message.includes(constraint))
      return typeof refusal === "string" ? new DomainError(refusal) : refusal()
  }
  return undefined
}

function constraintMessage(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  return error.message.includes("constraint failed")
    ? error.message
    : constraintMessage(error.cause)
}
