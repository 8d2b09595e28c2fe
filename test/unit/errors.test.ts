import { describe, expect, it, test } from "vitest"

import { DomainError, type ErrorCode, errorTable, invalid, notFound } from "#errors.ts"
import { statusOf } from "#http/problem.ts"

describe("the table of refusals", () => {
  const codes = Object.keys(errorTable) as ErrorCode[]

  it.each(codes)("%s is kebab-case and has a title that begins like a sentence", (code) => {
    expect(code).toMatch(/^[a-z]+(?:-[a-z]+)*$/)
    expect(errorTable[code].title).toMatch(/^[A-Z].{5,}$/)
  })

  it("gives each refusal a title of its own", () => {
    expect(new Set(codes.map((code) => errorTable[code].title)).size).toBe(codes.length)
  })

  test.each([
    ["invalid-input", 400],
    ["malformed-json", 400],
    ["cart-empty", 400],
    ["cart-full", 400],
    ["unauthenticated", 401],
    ["token-not-valid", 401],
    ["token-reused", 401],
    ["wrong-credentials", 401],
    ["forbidden", 403],
    ["not-found", 404],
    ["invalid-page", 404],
    ["method-not-allowed", 405],
    ["request-in-progress", 409],
    ["out-of-stock", 409],
    ["category-not-empty", 409],
    ["cart-changed", 409],
    ["cart-already-ordered", 409],
    ["product-unavailable", 409],
    ["illegal-transition", 409],
    ["already-cancelled", 409],
    ["order-changed", 409],
    ["body-too-large", 413],
    ["unsupported-media-type", 415],
    ["idempotency-key-reused", 422],
    ["rate-limited", 429],
    ["internal", 500],
    ["unavailable", 503],
  ] as const)("%s answers with status %i", (code, status) => {
    expect(statusOf(code)).toBe(status)
  })

  it("answers every refusal with an error status, and what has moved with its new address", () => {
    expect(statusOf("moved")).toBe(301)
    const statuses = codes.filter((code) => code !== "moved").map((code) => statusOf(code))
    expect(statuses.filter((status) => !(status >= 400 && status < 600))).toEqual([])
  })
})

describe("a refusal", () => {
  it("says its title unless it is told what to say", () => {
    expect(new DomainError("out-of-stock")).toMatchObject({
      name: "DomainError",
      code: "out-of-stock",
      message: "Not enough stock",
      details: {},
    })
    expect(new DomainError("out-of-stock", "Only 3 left", { available: 3 })).toMatchObject({
      message: "Only 3 left",
      details: { available: 3 },
    })
  })

  it("of fields lists all of them, and says the first", () => {
    const sku = { field: "sku", detail: "This SKU is taken.", code: "taken" }
    const name = { field: "name", detail: "This name is taken.", code: "taken" }
    expect(invalid(sku, name)).toMatchObject({
      code: "invalid-input",
      message: "This SKU is taken.",
      details: { errors: [sku, name] },
    })
  })

  it("of what is not there names its kind", () => {
    expect(notFound("product")).toMatchObject({ code: "not-found", message: "No such product" })
  })
})
