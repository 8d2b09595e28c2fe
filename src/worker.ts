import { app } from "#app.ts"
import { createCtx } from "#context.ts"
import { respell } from "#http/aliases.ts"
import type { Message } from "#platform/outbox.ts"
import * as outbox from "#platform/outbox.ts"
import { schedule } from "#schedule.ts"
import { deliver } from "#subscribers.ts"

export { Limiter } from "#modules/auth/object.ts"
export { ProductStock } from "#modules/inventory/object.ts"

/** Where messages end that no subscriber could deal with (wrangler.toml). */
const deadQueue = "nexus-events-dead"

/** Seconds before a message comes again, doubling; Cloudflare Queues counts attempts from 1. */
const mostDelaySeconds = 300

export default {
  async fetch(request, env, execution) {
    const respelled = respell(request)
    const response = await app.fetch(respelled.request, env, execution)
    if (respelled.canonical === undefined) return response
    const named = new Response(response.body, response)
    named.headers.append("Link", `<${respelled.canonical}>; rel="canonical"`)
    return named
  },

  async queue(batch, env, execution) {
    // All at once: most of the time each waits, and the queue promises no order.
    await Promise.all(
      batch.messages.map(async (message) => {
        const ctx = createCtx(env, {
          actor: { type: "system" },
          defer: (work) => execution.waitUntil(work),
        })
        try {
          await (batch.queue === deadQueue
            ? outbox.bury(ctx, message.body)
            : deliver(ctx, message.body))
          message.ack()
        } catch (error) {
          ctx.log.error("message not handled", error, {
            event_id: message.body?.id,
            attempts: message.attempts,
          })
          message.retry({ delaySeconds: Math.min(2 ** message.attempts, mostDelaySeconds) })
        }
      }),
    )
  },

  async scheduled(controller, env, execution) {
    const now = new Date(controller.scheduledTime)
    const ctx = createCtx(env, {
      actor: { type: "system" },
      defer: (work) => execution.waitUntil(work),
      now,
    })
    await schedule[controller.cron]?.(ctx)
  },
} satisfies ExportedHandler<Env, Message>
