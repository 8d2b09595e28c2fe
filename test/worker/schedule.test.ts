import {
  createExecutionContext,
  createScheduledController,
  waitOnExecutionContext,
} from "cloudflare:test"
import { env } from "cloudflare:workers"
import { expect, it, vi } from "vitest"

import { newId } from "#lib/id.ts"
import type { Message } from "#platform/outbox.ts"
import { schedule } from "#schedule.ts"

import worker from "../../src/worker.ts"
import wrangler from "../../wrangler.toml?raw"

const scheduledTime = new Date("2026-03-01T03:15:00.000Z")
const at = (seconds: number) => new Date(scheduledTime.getTime() + seconds * 1000).toISOString()
const day = 86_400

async function run(cron: string, over: Partial<Record<keyof Env, unknown>> = {}): Promise<void> {
  const execution = createExecutionContext()
  const controller = createScheduledController({ cron, scheduledTime })
  await worker.scheduled(controller, { ...env, ...over } as Env, execution)
  await waitOnExecutionContext(execution)
}

async function event(nextAt: string, doneAt: string | null = null): Promise<string> {
  const id = newId("event", scheduledTime)
  await env.DB.prepare(
    "INSERT INTO outbox (id, event, created_at, next_at, done_at) VALUES (?,?,?,?,?)",
  )
    .bind(id, '{"type":"catalog.changed"}', at(-60), nextAt, doneAt)
    .run()
  return id
}

it("cron runs what the schedule says, and the schedule says nothing that cron does not run", () => {
  const crons = /crons = \[(.*)\]/.exec(wrangler)?.[1] ?? ""
  const fired = [...crons.matchAll(/"([^"]+)"/g)].map(([, cron]) => cron)
  expect(fired).toEqual(["* * * * *", "15 3 * * *"])
  expect(Object.keys(schedule)).toEqual(fired)
})

it("every minute the outbox is swept, by the time that cron was due", async () => {
  const sent: unknown[] = []
  const sendBatch = async (messages: { body: unknown }[]) => void sent.push(...messages)
  const due = await event(at(0))
  await event(at(1))
  await event(at(-60), at(-30))
  await run("* * * * *", { EVENTS: { sendBatch } })
  expect(sent).toEqual([{ body: { id: due, event: { type: "catalog.changed" } } }])
  const nextAt = await env.DB.prepare("SELECT next_at FROM outbox WHERE id = ?")
    .bind(due)
    .first("next_at")
  expect(nextAt).toBe(at(60))
})

it("every night finished events and old keys are deleted, and the gateways are asked", async () => {
  const sent: MessageSendRequest<Message>[] = []
  const sendBatch = async (messages: MessageSendRequest<Message>[]) => void sent.push(...messages)
  const old = await event(at(-40 * day), at(-31 * day))
  const kept = [await event(at(-40 * day)), await event(at(-day), at(-day))]
  for (const [key, createdAt] of [
    ["old", at(-day - 1)],
    ["young", at(-day + 1)],
  ])
    await env.DB.prepare(
      "INSERT INTO idempotency (key, stage, fingerprint, token, created_at) VALUES (?, 'claim', 'f', 't', ?)",
    )
      .bind(key, createdAt)
      .run()
  await run("15 3 * * *", { EVENTS: { sendBatch } })
  const events = await env.DB.prepare("SELECT id FROM outbox ORDER BY id").all<{ id: string }>()
  const ids = events.results.map(({ id }) => id)
  expect(ids).toEqual(expect.arrayContaining(kept))
  expect(ids).not.toContain(old)
  const keys = await env.DB.prepare("SELECT key FROM idempotency").all<{ key: string }>()
  expect(keys.results).toEqual([{ key: "young" }])
  expect(sent.map(({ body }) => body.event.type)).toContain("reconciliation.advanced")
})

it("twice at once does no harm", async () => {
  const sent: unknown[] = []
  const sendBatch = async (messages: unknown[]) => void sent.push(...messages)
  const due = await event(at(0))
  for (const cron of ["* * * * *", "15 3 * * *"])
    await Promise.all([run(cron, { EVENTS: { sendBatch } }), run(cron, { EVENTS: { sendBatch } })])
  expect(sent.length).toBeGreaterThanOrEqual(1)
  const row = await env.DB.prepare("SELECT next_at, done_at FROM outbox WHERE id = ?")
    .bind(due)
    .first()
  expect(row).toEqual({ next_at: at(60), done_at: null })
})

it("a cron that the schedule does not know does nothing", async () => {
  await event(at(-60))
  const sendBatch = vi.fn<() => Promise<void>>()
  await run("0 0 1 1 *", { EVENTS: { sendBatch } })
  expect(sendBatch).not.toHaveBeenCalled()
})

it("a sweep that fails fails the run, so that Cloudflare shows it", async () => {
  await event(at(-60))
  const sendBatch = () => Promise.reject(new Error("the queue is down"))
  await expect(run("* * * * *", { EVENTS: { sendBatch } })).rejects.toThrow("the queue is down")
})
