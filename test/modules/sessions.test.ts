import fc from "fast-check"
import { describe, expect, it, vi } from "vitest"

import type { Ctx } from "#context.ts"
import { DomainError } from "#errors.ts"
import * as sessions from "#modules/auth/sessions.ts"
import * as users from "#modules/users/users.ts"
import { commit } from "#platform/commit.ts"

import { ctx } from "../support/ctx.ts"

/** What the thief, the owner and the clock may do; `session` and `token` pick one of those there are. */
type Step =
  | { do: "sign in" }
  | { do: "refresh"; session: number; token: number }
  | { do: "sign out"; session: number }
  | { do: "sign out everywhere" }
  | { do: "change the password"; session: number }
  | { do: "wait"; seconds: number }

const index = fc.nat({ max: 5 })
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.constant<Step>({ do: "sign in" }),
    fc.record({ do: fc.constant("refresh" as const), session: index, token: index }),
    fc.record({ do: fc.constant("sign out" as const), session: index }),
    fc.constant<Step>({ do: "sign out everywhere" }),
    fc.record({ do: fc.constant("change the password" as const), session: index }),
    fc.record({ do: fc.constant("wait" as const), seconds: fc.constantFrom(1, 9, 11, 600) }),
  ),
  { minLength: 1, maxLength: 14 },
)

/** What must be true of a session: the tokens it gave out, oldest first; when the newest was bought; whether it lives. */
type Model = { tokens: string[]; boughtAt: number; alive: boolean }

const start = Date.parse("2030-01-01T00:00:00Z")

async function account(at: Ctx): Promise<users.UserRow> {
  const serial = crypto.randomUUID()
  const row = users.draft(at, {
    email: `${serial}@example.com`,
    username: serial,
    passwordHash: "none",
    role: "customer",
  })
  await commit(at, users.stage(at, row))
  return row
}

describe("refresh tokens, whatever is done with them in whatever order", () => {
  it("never live where they should not", async () => {
    vi.spyOn(console, "error").mockImplementation(() => undefined)
    await fc.assert(
      fc.asyncProperty(steps, async (run) => {
        let now = start
        const at = () => ctx({ now: new Date(now) })
        const user = await account(at())
        const known: (Model & { id: Awaited<ReturnType<typeof sessions.start>>["id"] })[] = []

        const outcomes: { due: string; got: string }[] = []

        for (const step of run) {
          if (step.do === "wait") now += step.seconds * 1000
          else if (step.do === "sign in") {
            const begun = await sessions.start(at(), user)
            await commit(at(), begun.statements)
            known.push({ id: begun.id, tokens: [begun.tokens.refresh], boughtAt: now, alive: true })
          } else if (step.do === "sign out everywhere") {
            const live = known.filter(({ alive }) => alive)
            const ids = live.map(({ id }) => id)
            if (ids.length > 0) await sessions.end(at(), user.id, ids, {})
            for (const one of live) one.alive = false
          } else {
            const one = known[step.session % Math.max(1, known.length)]
            if (!one) continue
            if (step.do === "change the password") {
              // What `passwords.change` does to the sessions: the caller's stays.
              await commit(at(), [sessions.stageEndAll(at(), user.id, one.id)])
              for (const each of known) if (each !== one) each.alive = false
              continue
            }
            if (step.do === "sign out") {
              await sessions.end(at(), user.id, [one.id], {})
              one.alive = false
              continue
            }
            const place = step.token % one.tokens.length
            const answer = await sessions
              .rotate(at(), one.tokens[place] ?? "")
              .catch((error: unknown) => {
                if (error instanceof DomainError) return error.code
                throw error
              })
            const newest = one.tokens.at(-1)
            const isNewest = place === one.tokens.length - 1
            const isLost = place === one.tokens.length - 2 && now - one.boughtAt <= 10_000
            const due = !one.alive
              ? "token-not-valid"
              : isNewest
                ? "the next"
                : isLost
                  ? "the same"
                  : "token-reused"
            const got =
              typeof answer === "string"
                ? answer
                : answer.refresh === newest
                  ? "the same"
                  : "the next"
            outcomes.push({ due, got })
            if (typeof answer !== "string" && got === "the next") {
              one.tokens.push(answer.refresh)
              one.boughtAt = now
            }
            if (got === "token-reused") one.alive = false
          }
        }

        expect(outcomes.map(({ got }) => got)).toEqual(outcomes.map(({ due }) => due))
        for (const one of known) {
          const newest = await sessions.rotate(at(), one.tokens.at(-1) ?? "").then(
            () => true,
            () => false,
          )
          expect(newest).toBe(one.alive)
        }
      }),
      { numRuns: 200 },
    )
  })
})
