import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"

import { openLog } from "#platform/log.ts"

describe("the log", () => {
  beforeEach(() => {
    vi.spyOn(console, "log").mockImplementation(() => undefined)
    vi.spyOn(console, "error").mockImplementation(() => undefined)
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })

  /** The one line that was written. */
  function written(to: "log" | "error"): Record<string, unknown> {
    const [line, ...more] = vi.mocked(console[to]).mock.calls
    expect(more).toEqual([])
    return JSON.parse(line?.[0] as string) as Record<string, unknown>
  }

  it("writes one JSON object with the request it belongs to", () => {
    openLog("req-1").info("request", { status: 200 })
    expect(written("log")).toEqual({
      level: "info",
      message: "request",
      request_id: "req-1",
      status: 200,
    })
    expect(console.error).not.toHaveBeenCalled()
  })

  it("writes errors with their stack, on the stream of errors", () => {
    openLog("req-1").error("event not handled", new TypeError("no such thing"), {
      event_id: "evt_1",
    })
    expect(written("error")).toEqual({
      level: "error",
      message: "event not handled",
      request_id: "req-1",
      event_id: "evt_1",
      error: expect.stringMatching(/^TypeError: no such thing\n +at /),
    })
    expect(console.log).not.toHaveBeenCalled()
  })

  it("writes whatever else was thrown as text", () => {
    openLog("req-1").error("odd", "just a string")
    expect(written("error")).toMatchObject({ error: "just a string" })
  })

  it("tells only the innermost cause: drizzle's own message holds the bound values", () => {
    const cause = new Error("D1_ERROR: UNIQUE constraint failed: users.email")
    const query = new Error("Failed query: insert into users … params: ada@nexus.test", { cause })
    openLog("req-1").error("request failed", new Error("outer ada@nexus.test", { cause: query }))
    const { error } = written("error")
    expect(error).toContain("D1_ERROR: UNIQUE constraint failed: users.email")
    expect(error).not.toContain("ada@nexus.test")
  })
})
