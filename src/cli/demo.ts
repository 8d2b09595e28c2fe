import { readFileSync } from "node:fs"
import { join } from "node:path"

import type { Account } from "./accounts.ts"

const folder = join(import.meta.dirname, "../demo")

export const demoPassword = "Nexus-demo-2026!"

/** Who is who in the demo store; the local start command makes them, nothing else does. */
export const demoAccounts: readonly Account[] = [
  {
    email: "ada@nexus.test",
    username: "ada",
    password: demoPassword,
    role: "customer",
    firstName: "Ada",
    lastName: "Lovelace",
  },
  {
    email: "grace@nexus.test",
    username: "grace",
    password: demoPassword,
    role: "customer",
    firstName: "Grace",
    lastName: "Hopper",
  },
  {
    email: "staff@nexus.test",
    username: "staff",
    password: demoPassword,
    role: "staff",
    firstName: "Sam",
    lastName: "Staff",
  },
  {
    email: "admin@nexus.test",
    username: "admin",
    password: demoPassword,
    role: "admin",
    firstName: "Alex",
    lastName: "Admin",
  },
]

/** Lines in one import request. */
const linesARequest = 100

/** Loads the demo catalogue through the public API, as staff would; what is there already is left as it is. */
export async function loadDemo(base: string): Promise<{ products: number }> {
  const staff = { email: "staff@nexus.test", password: demoPassword }
  const { access } = (await send(base, "POST", "/auth/login", JSON.stringify(staff))) as {
    access: string
  }
  await importLines(base, access, "categories")
  await importLines(base, access, "products")
  const products = readLines("products").map(
    (line) => JSON.parse(line) as { id: string; name: string },
  )
  for (const { id, name } of products) {
    const form = new FormData()
    form.set(
      "image",
      new Blob([readFileSync(join(folder, "pictures", `${id}.webp`))]),
      `${id}.webp`,
    )
    form.set("alt_text", name)
    await send(base, "POST", `/products/${id}/images`, form, access)
  }
  await loadPricing(base, access)
  return { products: products.length }
}

type Pricing = {
  promotions: unknown[]
  rates: unknown[]
  zones: ({ methods: object[] } & object)[]
}

/** Codes, tax rates and shipping. Outside Germany and Canada a plain order still costs what its things cost. */
async function loadPricing(base: string, access: string): Promise<void> {
  const file = readFileSync(join(folder, "pricing.json"), "utf8")
  const { promotions, rates, zones } = JSON.parse(file) as Pricing
  const make = (path: string, body: unknown) =>
    send(base, "POST", `/admin/${path}`, JSON.stringify(body), access)
  for (const promotion of promotions) await make("promotions", promotion)
  for (const rate of rates) await make("tax/rates", rate)
  for (const { methods, ...zone } of zones) {
    const { id } = (await make("shipping/zones", zone)) as { id: string }
    for (const method of methods) await make("shipping/methods", { ...method, zone: id })
  }
}

async function importLines(
  base: string,
  access: string,
  kind: "categories" | "products",
): Promise<void> {
  const lines = readLines(kind)
  for (let start = 0; start < lines.length; start += linesARequest) {
    const body = lines.slice(start, start + linesARequest).join("\n")
    const report = (await send(
      base,
      "POST",
      `/admin/${kind}/import`,
      body,
      access,
      "application/x-ndjson",
    )) as { failed: number; lines: { outcome: string }[] }
    if (report.failed > 0)
      throw new Error(
        `demo ${kind}: ${JSON.stringify(report.lines.filter(({ outcome }) => outcome === "failed"))}`,
      )
  }
}

function readLines(kind: string): string[] {
  return readFileSync(join(folder, `${kind}.ndjson`), "utf8")
    .trim()
    .split("\n")
}

async function send(
  base: string,
  method: string,
  path: string,
  body: string | FormData,
  access?: string,
  type = "application/json",
): Promise<unknown> {
  const headers = new Headers(access ? { authorization: `Bearer ${access}` } : {})
  if (typeof body === "string") headers.set("content-type", type)
  const response = await fetch(`${base}/api/v1${path}`, { method, headers, body })
  if (!response.ok)
    throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return response.json()
}
