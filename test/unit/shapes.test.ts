import { describe, expect, it, test } from "vitest"
import { z } from "zod"

import {
  Count,
  CountryInput,
  Flag,
  id,
  line,
  pageOf,
  PriceInput,
  Quantity,
  Ref,
  spelled,
} from "#lib/shapes.ts"

/** What a shape reads of a value; its complaints, where it refuses. */
function read(shape: z.ZodType, value: unknown): unknown {
  const { success, data, error } = shape.safeParse(value)
  return success ? data : error.issues.map(({ message }) => message)
}

describe("a price on its way in", () => {
  test.each([
    ["1299.99", "1299.99"],
    [1299.99, "1299.99"],
    [5, "5"],
    ["0.01", "0.01"],
    ["1.250", "1.250"],
    ["999999999999", "999999999999"],
  ])("%j is read as %j", (given, price) => {
    expect(read(PriceInput, given)).toBe(price)
  })

  const digits =
    "A valid price is required: plain digits, a point, at most the currency's decimals."
  test.each([
    ["-1", [digits]],
    [-1, [digits]],
    ["+1", [digits]],
    ["1e3", [digits]],
    [1e21, [digits]],
    ["NaN", [digits]],
    ["", [digits]],
    [" 1", [digits]],
    ["1,5", [digits]],
    ["1.", [digits]],
    [".5", [digits]],
    ["1.2345", [digits]],
    ["1000000000000", [digits]],
    ["٣", [digits]],
    [0, ["A price is above zero."]],
    ["0", ["A price is above zero."]],
    ["0.00", ["A price is above zero."]],
    [Number.NaN, ["A valid price is required."]],
    [null, ["A valid price is required."]],
    [true, ["A valid price is required."]],
    [["1"], ["A valid price is required."]],
    [{}, ["A valid price is required."]],
  ])("%j is refused", (given, complaints) => {
    expect(read(PriceInput, given)).toEqual(expect.arrayContaining(complaints))
  })
})

describe("how many of a thing", () => {
  test.each([
    [0, 0],
    [25, 25],
    ["25", 25],
    ["007", 7],
    [1_000_000, 1_000_000],
    ["1000000", 1_000_000],
  ])("%j is %i", (given, count) => {
    expect(read(Count, given)).toBe(count)
  })

  const whole = "A whole number is required."
  test.each([
    [-1, "Must be 0 or more."],
    [1_000_001, "Must be 1000000 or less."],
    ["9999999", "Must be 1000000 or less."],
    [1.5, whole],
    ["1.5", whole],
    ["-1", whole],
    ["", whole],
    [" 1", whole],
    ["1e3", whole],
    ["10000000", whole],
    [Number.NaN, whole],
    [null, whole],
    [true, whole],
    [[1], whole],
  ])("%j is refused: %s", (given, complaint) => {
    expect(read(Count, given)).toEqual([complaint])
  })
})

describe("the quantity of a line", () => {
  test.each([
    [1, 1],
    [999, 999],
    ["2", 2],
    ["999", 999],
  ])("%j is %i", (given, quantity) => {
    expect(read(Quantity, given)).toBe(quantity)
  })

  test.each([
    [0, "Quantity must be greater than 0."],
    ["0", "Quantity must be greater than 0."],
    [-5, "Quantity must be greater than 0."],
    [1000, "At most 999 of one thing."],
    ["1000", "A whole number is required."],
    [1.5, "A whole number is required."],
    ["two", "A whole number is required."],
    [null, "A whole number is required."],
  ])("%j is refused: %s", (given, complaint) => {
    expect(read(Quantity, given)).toEqual([complaint])
  })
})

describe("a flag in a query", () => {
  test.each([
    ["true", true],
    ["True", true],
    ["1", true],
    ["false", false],
    ["False", false],
    ["0", false],
  ])("%j is %s", (given, flag) => {
    expect(read(Flag, given)).toBe(flag)
  })

  it.each(["", "yes", "TRUE ", "2", "on", true])("%j is refused", (given) => {
    expect(read(Flag, given)).toEqual(["Must be true or false."])
  })
})

describe("a reference", () => {
  test.each([
    ["prd_01", "prd_01"],
    ["  premium-laptop ", "premium-laptop"],
    [1, "1"],
    [0, "0"],
    ["a".repeat(200), "a".repeat(200)],
  ])("%j names %j", (given, ref) => {
    expect(read(Ref, given)).toBe(ref)
  })

  it.each(["", "   ", "a".repeat(201), -1, 1.5, 1e21, null, true, ["1"], {}])(
    "%j names nothing",
    (given) => {
      expect(Ref.safeParse(given).success).toBe(false)
    },
  )
})

describe("an id on its way out", () => {
  it("is any text, for imported rows keep the ids they came with", () => {
    expect(read(id("product", "1"), "1")).toBe("1")
    expect(read(id("product", "1"), 1)).toEqual(["Expected an id."])
  })
})

describe("text in one line", () => {
  it("is trimmed, and of some length", () => {
    expect(read(line(5), "  abcde ")).toBe("abcde")
    expect(read(line(5), "abcdef")).toEqual(["At most 5 characters."])
    expect(read(line(5), "   ")).toEqual(["This field may not be blank."])
    expect(read(line(5), 12)).toEqual(["Not a valid string."])
    expect(read(line(5), null)).toEqual(["Not a valid string."])
  })

  it("is asked for where it is missing", () => {
    expect(read(z.object({ name: line(5) }), {})).toEqual(["This field is required."])
  })
})

describe("an address that is none", () => {
  it("is refused in words for people", () => {
    expect(read(z.email(), "ada@")).toEqual(["Enter a valid email address."])
  })
})

describe("fields in other spellings", () => {
  const Product = spelled(
    { title: "name", stock: "stock_quantity", quantity: "stock_quantity" },
    z.object({ name: z.string().optional(), stock_quantity: Count.optional() }),
  )

  it("are read as the canonical ones", () => {
    expect(read(Product, { title: "Mug", stock: "5" })).toEqual({ name: "Mug", stock_quantity: 5 })
  })

  it("give way to a canonical one that is there, null included", () => {
    expect(read(Product, { title: "Mug", name: "Cup" })).toEqual({ name: "Cup" })
    expect(Product.safeParse({ title: "Mug", name: null }).success).toBe(false)
  })

  it("give way to the spelling that is named first", () => {
    expect(read(Product, { quantity: 2, stock: 1 })).toEqual({ stock_quantity: 1 })
  })

  it("are judged as the canonical ones", () => {
    expect(read(Product, { stock: -1 })).toEqual(["Must be 0 or more."])
  })

  it("leave the body that came as it was", () => {
    const body = { title: "Mug" }
    Product.parse(body)
    expect(body).toEqual({ title: "Mug" })
  })

  it.each([null, [], "text", 5])("are not looked for in %j", (body) => {
    expect(Product.safeParse(body).success).toBe(false)
  })
})

describe("a page on the wire", () => {
  const Page = pageOf(z.string(), "TestPage")
  const page = { count: 1, next: null, previous: null, next_cursor: null, results: ["a"] }

  it("has a count, its neighbours and its results", () => {
    expect(read(Page, page)).toEqual(page)
    expect(Page.safeParse({ ...page, results: [1] }).success).toBe(false)
    expect(Page.safeParse({ ...page, next: undefined }).success).toBe(false)
  })

  it("says that its count is capped, or nothing", () => {
    expect(Page.safeParse({ ...page, count_is_capped: true }).success).toBe(true)
    expect(Page.safeParse({ ...page, count_is_capped: false }).success).toBe(false)
  })
})

it("a field that is not there is required, whatever shape it should have", () => {
  const shape = z.object({
    text: z.string(),
    ref: Ref,
    kind: z.enum(["a", "b"]),
    own: CountryInput,
  })
  const said = (value: unknown) =>
    shape.safeParse(value).error?.issues.map(({ path, message }) => [path.join("."), message])
  expect(said({})).toEqual([
    ["text", "This field is required."],
    ["ref", "This field is required."],
    ["kind", "This field is required."],
    ["own", "A two-letter country code (ISO 3166-1)."],
  ])
  expect(said({ text: "t", ref: [], kind: "c", own: "GB" })?.map(([field]) => field)).toEqual([
    "ref",
    "kind",
  ])
})
