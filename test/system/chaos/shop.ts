import type { GatewayName } from "../../support/gateways/party.ts"
import type { Gateways } from "../../support/gateways/server.ts"
import type { Call } from "../../support/server.ts"
import { expected, signIn } from "../shop.ts"
import type { Random } from "./random.ts"

/** How big a run is, and what determines it. Two runs of a seed make the same choices, not in the same instants. */
export type Plan = {
  /** Shoppers try until so many orders are placed, those under way aside. */
  orders: number
  seed: number
  /** How many shoppers act at once. */
  shoppers: number
  /** Between one death of the server and the next, in ms: at least this, at most twice this. */
  killEveryMs: number
  /** Where orders are paid, beside invoices and at the door. */
  gateways: readonly GatewayName[]
  log: (line: string) => void
}

/** What a run came to. Whatever is in `wrong` should not be. */
export type Outcome = {
  orders: number
  refused: Record<string, number>
  deaths: number
  /** What was tried, and what of it was done. */
  actions: Record<string, number>
  done: Record<string, number>
  wrong: string[]
}

/** Who signed in, by the token of now. */
export type Person = { access: string }

export type Placed = { id: string; as?: Person; token?: string }

export type Shop = {
  call: Call
  plan: Plan
  gateways: Gateways
  staff: string
  admin: string
  customers: Person[]
  /** Their tokens last an hour from then. */
  signedInAt: number
  products: string[]
  codes: string[]
  placed: Placed[]
  /** Orders that were brought to their buyers. */
  delivered: Placed[]
  random: Random
  outcome: Outcome
}

/** Stock of each product: most are never short, some nearly always. */
const plenty = 100_000
const stocks = [plenty, plenty, plenty, plenty, plenty, plenty, 400, 60, 25, 12]
/** How many of all orders may use each coupon. */
const limits = [0.25, 0.05, 0.01]

/** Signs everybody in, and puts products and coupons on offer. */
export async function open(
  given: Pick<Shop, "call" | "plan" | "gateways" | "random" | "outcome">,
): Promise<Shop> {
  const { call, plan } = given
  const people = await signedIn(call)
  const { staff } = people
  const products: string[] = []
  for (const [n, stock_quantity] of stocks.entries()) {
    const body = { name: `Chaos ${n}`, price: `${n + 1}.99`, stock_quantity }
    products.push(expected(201, await call("POST", "products", { as: staff, body })).id)
  }
  const codes: string[] = []
  for (const [n, share] of limits.entries()) {
    const code = `CHAOS${n}`
    const usage_limit = Math.ceil(plan.orders * share)
    const action = { type: "percentage", percentage: "10" }
    const body = { name: code, code, action, usage_limit }
    expected(201, await call("POST", "admin/promotions", { as: staff, body }))
    codes.push(code)
  }
  return { ...given, ...people, products, codes, placed: [], delivered: [] }
}

type People = Pick<Shop, "staff" | "admin" | "customers" | "signedInAt">

async function signedIn(call: Call): Promise<People> {
  return {
    signedInAt: Date.now(),
    staff: await signIn(call, "staff@nexus.test"),
    admin: await signIn(call, "admin@nexus.test"),
    customers: [
      { access: await signIn(call, "ada@nexus.test") },
      { access: await signIn(call, "grace@nexus.test") },
    ],
  }
}

/** Signs everybody in again before their tokens run out, should the shop be there to do so. */
export async function stayIn(shop: Shop): Promise<void> {
  if (Date.now() - shop.signedInAt < 1_800_000) return
  const people = await signedIn(shop.call).catch(() => undefined)
  if (!people) return
  const { customers, ...staff } = people
  for (const [index, { access }] of customers.entries())
    Object.assign(shop.customers[index] ?? {}, { access })
  Object.assign(shop, staff)
}

/** `wrangler dev` fires no cron: what it would do is done for it. */
export async function tick(call: Call): Promise<void> {
  await call("GET", "/cdn-cgi/handler/scheduled?cron=*+*+*+*+*").catch(() => undefined)
}
