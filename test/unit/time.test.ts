import { describe, expect, it } from "vitest"

import { daysAfter, iso, minutesAfter, secondsAfter } from "#lib/time.ts"

const now = new Date("2026-02-28T23:59:30.250Z")

describe("instants", () => {
  it("are written in UTC to the millisecond", () => {
    expect(iso(now)).toBe("2026-02-28T23:59:30.250Z")
    expect(iso(new Date("2026-11-20T10:30:00+01:00"))).toBe("2026-11-20T09:30:00.000Z")
  })

  it("are moved by seconds, minutes and days of 24 hours", () => {
    expect(iso(secondsAfter(now, 30))).toBe("2026-03-01T00:00:00.250Z")
    expect(iso(secondsAfter(now, -30.25))).toBe("2026-02-28T23:59:00.000Z")
    expect(iso(minutesAfter(now, 30))).toBe("2026-03-01T00:29:30.250Z")
    expect(iso(daysAfter(now, 1))).toBe("2026-03-01T23:59:30.250Z")
    expect(iso(daysAfter(now, -365))).toBe("2025-02-28T23:59:30.250Z")
  })

  it("leave the one they start from as it was", () => {
    daysAfter(now, 1)
    expect(iso(now)).toBe("2026-02-28T23:59:30.250Z")
  })

  it("sort as text the way they follow each other", () => {
    const later = secondsAfter(now, 0.001)
    expect(iso(now) < iso(later)).toBe(true)
    expect(iso(new Date("2026-09-30T00:00:00Z")) < iso(new Date("2026-10-01T00:00:00Z"))).toBe(true)
  })
})
