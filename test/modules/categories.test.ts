import { describe, expect, it } from "vitest"

import * as catalog from "#modules/catalog/catalog.ts"
import * as categories from "#modules/catalog/categories.ts"
import { CategoryChanges, CategoryQuery, NewCategory } from "#modules/catalog/category-model.ts"

import { ctx } from "../support/ctx.ts"
import * as make from "../support/make.ts"
import { countOf, reasonsOf, rows } from "../support/shop.ts"

const asStaff = () => ctx({ as: make.staff })
const create = (input: Record<string, unknown>) =>
  categories.create(asStaff(), NewCategory.parse(input))
const update = (ref: string, input: Record<string, unknown>) =>
  categories.update(asStaff(), ref, CategoryChanges.parse(input))

/** Every path is that of the parent and the id itself, nobody is their own ancestor, and trails say what paths do. */
async function expectTree(): Promise<void> {
  const all = await rows<{
    id: string
    parent_id: string | null
    path: string
    trail: string
    name: string
    slug: string
  }>("SELECT id, parent_id, path, trail, name, slug FROM categories")
  const byId = new Map(all.map((row) => [row.id, row]))
  for (const row of all) {
    const above = row.parent_id === null ? "/" : byId.get(row.parent_id)?.path
    expect(row.path).toBe(`${above}${row.id}/`)
    const ids = row.path.split("/").filter(Boolean)
    expect(ids.filter((id) => id === row.id)).toHaveLength(1)
    const trail = ids.map((id) => ({ id, name: byId.get(id)?.name, slug: byId.get(id)?.slug }))
    expect(JSON.parse(row.trail)).toEqual(trail)
  }
}

describe("a new name", () => {
  it("is where its products, and those below it, say where they are", async () => {
    const a = await create({ name: 'The "A"/B' })
    const b = await create({ name: "Below", parent: a.id })
    const { slug } = await make.product({ category: b.id })
    const pathOf = async () => (await catalog.get(asStaff(), slug)).category_path
    await expectTree()
    expect(await pathOf()).toEqual([
      { id: a.id, name: 'The "A"/B', slug: "the-a-b" },
      { id: b.id, name: "Below", slug: "below" },
    ])
    await update(a.id, { name: "Above", slug: "over-it" })
    await expectTree()
    expect(await pathOf()).toEqual([
      { id: a.id, name: "Above", slug: "over-it" },
      { id: b.id, name: "Below", slug: "below" },
    ])
    await update(b.id, { parent: null, name: "Alone" })
    await expectTree()
    expect(await pathOf()).toEqual([{ id: b.id, name: "Alone", slug: "below" }])
  })
})

describe("moving categories", () => {
  it("takes everything below along", async () => {
    const a = await create({ name: "A" })
    const b = await create({ name: "B", parent: a.id })
    const c = await create({ name: "C", parent: b.id })
    const d = await create({ name: "D", parent: c.id })
    const z = await create({ name: "Z" })
    const moved = await update(b.id, { parent: "z" })
    expect(moved.path.map(({ name }) => name)).toEqual(["Z", "B"])
    const deepest = await categories.get(asStaff(), d.id)
    expect(deepest.path.map(({ name }) => name)).toEqual(["Z", "B", "C", "D"])
    await expectTree()
    await update(c.id, { parent: null })
    expect((await categories.get(asStaff(), d.id)).path.map(({ name }) => name)).toEqual(["C", "D"])
    expect((await categories.get(asStaff(), z.id)).children.map(({ id }) => id)).toEqual([b.id])
    expect((await categories.get(asStaff(), a.id)).children).toEqual([])
    await expectTree()
  })

  it("puts none below itself when two move under each other at once", async () => {
    for (let round = 0; round < 10; round++) {
      const [a, b] = [await create({ name: `A${round}` }), await create({ name: `B${round}` })]
      await create({ name: "below", parent: a.id })
      const results = await Promise.allSettled([
        update(a.id, { parent: b.id }),
        update(b.id, { parent: a.id }),
      ])
      const refused = results.filter((result) => result.status === "rejected")
      expect(refused).toHaveLength(1)
      expect(refused[0]?.reason).toMatchObject({
        code: "invalid-input",
        details: { errors: [{ field: "parent", code: "cycle" }] },
      })
      await expectTree()
    }
  })

  it("makes no ring of three who move at once", async () => {
    for (let round = 0; round < 5; round++) {
      const made = await Promise.all(
        ["A", "B", "C"].map((name) => create({ name: `${name}${round}` })),
      )
      const ids = made.map(({ id }) => id)
      await Promise.allSettled(
        ids.map((id, index) => update(id, { parent: ids[(index + 1) % 3] ?? "" })),
      )
      await expectTree()
      const roots = await rows(
        `SELECT id FROM categories WHERE parent_id IS NULL AND id IN (${ids.map(() => "?").join()})`,
        ...ids,
      )
      expect(roots).toHaveLength(1)
    }
  })

  it("puts a child that is made while its parent moves where its parent is", async () => {
    const [a, z] = [await create({ name: "A" }), await create({ name: "Z" })]
    await Promise.all([
      update(a.id, { parent: z.id }),
      ...[1, 2, 3].map((n) => create({ name: `Child ${n}`, parent: a.id })),
    ])
    await expectTree()
    const moved = await categories.get(asStaff(), a.id)
    expect([moved.parent, moved.children.length]).toEqual([z.id, 3])
  })

  it("refuses a move to where its name is taken", async () => {
    const a = await create({ name: "A" })
    await create({ name: "Same", parent: a.id })
    const other = await create({ name: "same" })
    await expect(update(other.id, { parent: a.id })).rejects.toMatchObject({
      details: { errors: [{ field: "name", code: "taken" }] },
    })
    await expectTree()
  })
})

describe("names", () => {
  it("are given once among siblings, also when several want one at the same time", async () => {
    const a = await create({ name: "A" })
    for (const parent of [null, a.id]) {
      const results = await Promise.allSettled(
        ["Twin", "twin", "TWIN"].map((name) => create({ name, parent })),
      )
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1)
      const taken = { details: { errors: [{ field: "name", code: "taken" }] } }
      expect(reasonsOf(results)).toMatchObject([taken, taken])
    }
  })

  it("of different parents may be the same: their slugs differ, also when made at once", async () => {
    const parents = await Promise.all(["A", "B", "C"].map((name) => create({ name })))
    const made = await Promise.all(parents.map(({ id }) => create({ name: "Shoes", parent: id })))
    expect(made.map(({ slug }) => slug).toSorted()).toEqual(["shoes", "shoes-1", "shoes-2"])
  })

  it("may be changed to the same in another letter case", async () => {
    const a = await create({ name: "Phones" })
    expect((await update(a.id, { name: "PHONES" })).name).toBe("PHONES")
  })
})

describe("removing", () => {
  it("refuses a category with a product, even a hidden one, or a child", async () => {
    const [a, b] = [await create({ name: "A" }), await create({ name: "B" })]
    await make.product({ category: a.id, status: "archived" })
    await create({ name: "Child", parent: b.id })
    for (const { id } of [a, b])
      await expect(categories.remove(asStaff(), id, undefined)).rejects.toMatchObject({
        code: "category-not-empty",
      })
    expect(await countOf("categories")).toBe(3)
  })

  it("never leaves a product without the category it was put in", async () => {
    for (let round = 0; round < 8; round++) {
      const a = await create({ name: `A${round}` })
      const [product, removed] = await Promise.allSettled([
        make.product({ category: a.id }),
        categories.remove(asStaff(), a.id, undefined),
      ])
      const [left] = await rows("SELECT count(*) AS n FROM categories WHERE id = ?", a.id)
      expect(left).toEqual({ n: removed.status === "fulfilled" ? 0 : 1 })
      // One of the two, never both.
      expect([product.status, removed.status].toSorted()).toEqual(["fulfilled", "rejected"])
      expect(reasonsOf([product, removed])).toMatchObject([
        { code: removed.status === "rejected" ? "category-not-empty" : "invalid-input" },
      ])
    }
  })

  it("moves products and the whole tree below, with their counts", async () => {
    const a = await create({ name: "A" })
    const b = await create({ name: "B", parent: a.id })
    const c = await create({ name: "C", parent: b.id })
    const z = await create({ name: "Z" })
    await make.product({ category: a.id })
    await make.product({ category: c.id })
    await categories.remove(asStaff(), a.id, z.id)
    await expectTree()
    expect(await categories.get(asStaff(), z.id)).toMatchObject({
      product_count: 2,
      children: [{ id: b.id }],
    })
    expect((await categories.get(asStaff(), c.id)).path.map(({ name }) => name)).toEqual([
      "Z",
      "B",
      "C",
    ])
  })

  it("moves nothing where a child's name is taken", async () => {
    const [a, z] = [await create({ name: "A" }), await create({ name: "Z" })]
    await create({ name: "Same", parent: a.id })
    await create({ name: "Same", parent: z.id })
    const product = await make.product({ category: a.id })
    await expect(categories.remove(asStaff(), a.id, z.id)).rejects.toMatchObject({
      details: { errors: [{ field: "name", code: "taken" }] },
    })
    expect(await rows("SELECT category_id FROM products WHERE id = ?", product.id)).toEqual([
      { category_id: a.id },
    ])
    await expectTree()
  })
})

describe("the list", () => {
  it("goes by name whatever the letter case, in pages", async () => {
    for (const name of ["pear", "Apple", "cherry", "Banana"]) await create({ name })
    const names = async (query: Record<string, string>) =>
      (await categories.list(asStaff(), CategoryQuery.parse(query))).results.map(({ name }) => name)
    expect(await names({})).toEqual(["Apple", "Banana", "cherry", "pear"])
    expect(await names({ page: "2", page_size: "3" })).toEqual(["pear"])
    expect(await names({ limit: "2", offset: "1" })).toEqual(["Banana", "cherry"])
    await expect(names({ page: "3", page_size: "3" })).rejects.toMatchObject({
      code: "invalid-page",
    })
    expect(await names({ parent: "nope" })).toEqual([])
  })
})
