import { applyD1Migrations, reset } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { afterEach, beforeEach, vi } from "vitest"

import { forget } from "#platform/cache.ts"

beforeEach(async () => {
  await applyD1Migrations(env.DB, env.MIGRATIONS)
  await applyD1Migrations(env.SEARCH, env.SEARCH_MIGRATIONS)
})

afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  forget()
  await reset()
})
