import fc from "fast-check"
import { describe, expect, it } from "vitest"

import type { Id } from "#lib/id.ts"
import { chain, type Change, isIntact } from "#modules/orders/history.ts"

type Row = Awaited<ReturnType<typeof chain>>

const orderId = "ord_1" as Id<"order">

async function written(changes: readonly Omit<Change, "orderId" | "version">[]): Promise<Row[]> {
  const rows: Row[] = []
  for (const change of changes)
    rows.push(await chain(rows.at(-1), { ...change, orderId, version: rows.length + 1 }))
  return rows
}

const placed = {
  kind: "placed",
  from: null,
  to: "pending",
  note: "",
  actor: "usr_1",
  createdAt: "2026-11-20T09:30:00.000Z",
} as const

const text = fc.string({ unit: "grapheme", maxLength: 20 })
const state = fc.option(fc.constantFrom("pending", "confirmed", "cancelled"))
const history = fc
  .array(
    fc.record({
      kind: fc.constantFrom("placed" as const, "status" as const, "details" as const),
      from: state,
      to: state,
      note: text,
      actor: text,
      createdAt: fc
        .date({ min: new Date(0), max: new Date("2100-01-01"), noInvalidDate: true })
        .map((date) => date.toISOString()),
    }),
    { minLength: 2, maxLength: 6 },
  )
  .chain((changes) =>
    fc.record({
      changes: fc.constant(changes),
      at: fc.nat({ max: changes.length - 1 }),
      by: fc.integer({ min: 1, max: changes.length - 1 }),
    }),
  )

describe("a row of history", () => {
  it("is bound to its fields and the row before by SHA-256", async () => {
    const [row] = await written([placed])
    // printf '["","ord_1",1,"placed",null,"pending","","usr_1","2026-11-20T09:30:00.000Z"]' | sha256sum
    expect(row?.hash).toBe("ffffa0089cc6d703b727c7caccbb05127143222865f10804e83ac920624d0849")
  })
})

describe("the history of an order", () => {
  it("is intact as it was written", async () => {
    await fc.assert(
      fc.asyncProperty(history, async ({ changes }) => {
        expect(await isIntact(await written(changes), changes.length)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it("is intact before the first row is there", async () => {
    expect(await isIntact([], 0)).toBe(true)
    expect(await isIntact([], 1)).toBe(false)
  })

  it("counts from one, without a gap", async () => {
    const first = await chain(undefined, { ...placed, orderId, version: 1 })
    expect(await isIntact([first, await chain(first, { ...first, version: 2 })], 2)).toBe(true)
    expect(await isIntact([first, await chain(first, { ...first, version: 3 })], 2)).toBe(false)
    expect(await isIntact([first, await chain(first, first)], 2)).toBe(false)
  })

  it("gives away any field that was changed", async () => {
    const other: { [F in keyof Row]: (value: Row[F]) => Row[F] } = {
      orderId: () => "ord_2" as Id<"order">,
      version: (version) => version + 1,
      kind: (kind) => (kind === "status" ? "details" : "status"),
      from: (from) => (from === null ? "" : null),
      to: (to) => (to === null ? "" : null),
      note: (note) => `${note} `,
      actor: (actor) => `${actor}.`,
      createdAt: (createdAt) => createdAt.replace(/.Z$/, "X"),
      hash: (hash) => hash.replace(/.$/, (digit) => (digit === "0" ? "1" : "0")),
    }
    const fields = Object.keys(other) as (keyof Row)[]
    await fc.assert(
      fc.asyncProperty(history, fc.constantFrom(...fields), async ({ changes, at }, field) => {
        const rows = await written(changes)
        const change = other[field] as (value: unknown) => unknown
        const forged = rows.map((row, index) =>
          index === at ? { ...row, [field]: change(row[field]) } : row,
        )
        expect(await isIntact(forged, rows.length)).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })

  it("gives away a row that was changed and hashed anew, unless it is the last", async () => {
    await fc.assert(
      fc.asyncProperty(history, async ({ changes, at }) => {
        fc.pre(at < changes.length - 1)
        const rows = await written(changes)
        const forged = rows.with(at, await chain(rows[at - 1], { ...rows[at]!, note: "forged" }))
        fc.pre(rows[at]?.note !== "forged")
        expect(await isIntact(forged, rows.length)).toBe(false)
      }),
      { numRuns: 1000 },
    )
  })

  it("gives away a row that is missing, the last included", async () => {
    await fc.assert(
      fc.asyncProperty(history, async ({ changes, at }) => {
        const rows = await written(changes)
        const fewer = rows.toSpliced(at, 1)
        expect(await isIntact(fewer, rows.length)).toBe(false)
        // Even where the order's own version was turned back: only its end can be cut off so.
        expect(await isIntact(fewer, fewer.length)).toBe(at === fewer.length)
      }),
      { numRuns: 1000 },
    )
  })

  it("gives away rows that were swapped, repeated or taken from another order", async () => {
    await fc.assert(
      fc.asyncProperty(history, async ({ changes, at, by }) => {
        const rows = await written(changes)
        const to = (at + by) % rows.length
        const swapped = rows.with(at, rows[to]!).with(to, rows[at]!)
        expect(await isIntact(swapped, rows.length)).toBe(false)
        const repeated = rows.toSpliced(at, 0, rows[at]!)
        expect(await isIntact(repeated, repeated.length)).toBe(false)
        const foreign = rows.with(at, { ...rows[at]!, orderId: "ord_2" as Id<"order"> })
        expect(await isIntact(foreign, rows.length)).toBe(false)
      }),
      { numRuns: 1000 },
    )
  })
})
