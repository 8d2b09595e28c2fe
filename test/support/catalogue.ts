/** A made-up catalogue, the same for the same count and seed: what tests and measurements fill a shop with. */

/** A product to be made, in the words of `NewProduct`; `id`, `slug`, rating and times are the generator's own. */
export type GeneratedProduct = {
  id: string
  name: string
  slug: string
  description: string
  price: string
  compare_at_price: string | null
  category: string
  brand: string
  sku: string
  stock_quantity: number
  status: "draft" | "active" | "archived"
  is_featured: boolean
  tags: string[]
  attributes: Record<string, string | number | boolean>
  average_rating: number
  reviews_count: number
  created_at: string
}

/** A category of it; parents come before their children. */
export type GeneratedCategory = { id: string; name: string; slug: string; parent: string | null }

/** What is sold where: a root, what lies below it, and the things themselves. */
const departments: Record<string, Record<string, string[]>> = {
  Electronics: {
    Laptops: ["Ultrabook", "Gaming Laptop", "Chromebook", "Workstation"],
    Phones: ["Smartphone", "Feature Phone", "Phone Case", "Screen Protector"],
    Audio: ["Headphones", "Earbuds", "Speaker", "Turntable", "Microphone"],
    Cameras: ["Mirrorless Camera", "Action Camera", "Tripod", "Lens"],
  },
  "Home & Kitchen": {
    Cookware: ["Frying Pan", "Saucepan", "Casserole", "Wok", "Griddle"],
    Furniture: ["Armchair", "Bookcase", "Coffee Table", "Bed Frame", "Stool"],
    Bedding: ["Duvet", "Pillow", "Mattress Topper", "Blanket"],
    Lighting: ["Desk Lamp", "Floor Lamp", "Pendant Light", "Lantern"],
  },
  Clothing: {
    Shirts: ["T-Shirt", "Oxford Shirt", "Polo Shirt", "Blouse"],
    Outerwear: ["Rain Jacket", "Parka", "Fleece", "Waistcoat"],
    Shoes: ["Running Shoes", "Hiking Boots", "Sandals", "Loafers"],
    Accessories: ["Leather Belt", "Wool Scarf", "Beanie", "Sunglasses"],
  },
  Garden: {
    Tools: ["Rake", "Spade", "Pruning Shears", "Wheelbarrow"],
    Plants: ["Lavender", "Olive Tree", "Fern", "Climbing Rose"],
    Outdoor: ["Parasol", "Hammock", "Fire Bowl", "Garden Bench"],
  },
  Sports: {
    Cycling: ["Road Bike", "Helmet", "Bike Lock", "Pannier"],
    Camping: ["Tent", "Sleeping Bag", "Camping Stove", "Headlamp"],
    Fitness: ["Kettlebell", "Yoga Mat", "Rowing Machine", "Skipping Rope"],
  },
  Books: {
    Fiction: ["Novel", "Short Stories", "Graphic Novel"],
    "Non-Fiction": ["Biography", "Cookbook", "Field Guide", "Atlas"],
  },
}
const makers = (
  "Fairwind Northlight Calder Osterman Juniper Halcyon Brightwater Kestrel Meridian Tallow Ashdown Pike Solstice Verity " +
  "Harrow Lumen Orchard Quill Redfern Sable Thistle Umber Vantage Wren Yarrow Zephyr Alder Birch Cobalt Drift Ember Flint"
).split(" ")
const manners =
  "Classic Compact Premium Lightweight Vintage Modern Professional Everyday Foldable Waterproof Organic Handmade".split(
    " ",
  )
const colors = "Black White Silver Navy Olive Terracotta Sand Crimson Teal Mustard".split(" ")
const materials = "Steel Oak Cotton Wool Leather Bamboo Aluminium Glass Linen Ceramic".split(" ")
const sizes = ["XS", "S", "M", "L", "XL"]
const tags =
  "new sale bestseller gift eco limited refurbished handmade summer winter travel office".split(" ")

/** Every category, roots first. */
export function generateCategories(): GeneratedCategory[] {
  const roots = Object.keys(departments)
  return [
    ...roots.map((name) => categoryOf(name, null)),
    ...roots.flatMap((root) =>
      Object.keys(departments[root] ?? {}).map((name) => categoryOf(name, slugOf(root))),
    ),
  ]
}

/** `count` products, the same for the same seed. Popular brands and categories have more of them. */
export function generateProducts(count: number, seed = 1): GeneratedProduct[] {
  const random = randomBy(seed)
  const shelves = Object.values(departments).flatMap((below) => Object.entries(below))
  return Array.from({ length: count }, (_, index) => product(index, random, shelves))
}

function product(
  index: number,
  random: () => number,
  shelves: readonly (readonly [string, string[]])[],
): GeneratedProduct {
  const one = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T
  const popular = <T>(all: readonly T[]): T => all[Math.floor(random() ** 2 * all.length)] as T
  const [shelf, things] = popular(shelves)
  const [brand, manner, color, material] = [
    popular(makers),
    one(manners),
    one(colors),
    one(materials),
  ]
  const thing = one(things)
  const name = `${brand} ${manner} ${material} ${thing} ${color} ${1 + Math.floor(random() * 900)}`
  const cents = Math.round(500 * Math.exp(random() * 5))
  const isRated = random() < 0.7
  const text = decimal(cents)
  return {
    id: `prd_${String(index).padStart(26, "0")}`,
    name,
    slug: `${slugOf(name)}-${index}`,
    description: `A ${manner.toLowerCase()} ${thing.toLowerCase()} by ${brand}, made of ${material.toLowerCase()} in ${color.toLowerCase()}. Built to last, easy to care for, and shipped in plain recycled packaging.`,
    price: text,
    compare_at_price: random() < 0.15 ? decimal(Math.round(cents * 1.25) + 1) : null,
    category: slugOf(shelf),
    brand,
    sku: `${brand.slice(0, 3).toUpperCase()}-${String(index).padStart(6, "0")}`,
    stock_quantity: random() < 0.1 ? 0 : 1 + Math.floor(random() * 200),
    status: random() < 0.94 ? "active" : random() < 0.5 ? "draft" : "archived",
    is_featured: random() < 0.03,
    tags: [...new Set([popular(tags), one(tags)])],
    attributes: {
      Color: color,
      Material: material,
      ...(random() < 0.4 && { Size: one(sizes) }),
      ...(random() < 0.2 && { Watt: 5 * (1 + Math.floor(random() * 40)) }),
      ...(random() < 0.1 && { Wireless: true }),
    },
    average_rating: isRated ? Math.round(25 + random() * 25) / 10 : 0,
    reviews_count: isRated ? 1 + Math.floor(random() ** 3 * 400) : 0,
    // A minute apart, and of no order with the names.
    created_at: new Date(Date.UTC(2026, 0, 1) + ((index * 7919) % 1_000_003) * 1000).toISOString(),
  }
}

function categoryOf(name: string, parent: string | null): GeneratedCategory {
  return { id: slugOf(name), name, slug: slugOf(name), parent }
}

function slugOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
}

function decimal(cents: number): string {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`
}

/** mulberry32: the same numbers for the same seed, in every engine. */
function randomBy(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
