import { cleanUp, startServer } from "../support/server.ts"

/**
 * Prints what each route costs: D1 round trips (a batch is one) and rows read, from `Server-Timing` of the real server,
 * against the most that the project allows itself. Counts, not times: they are the same on every machine.
 */
type Row = { route: string; queries: number; rows: number; most: number }

const password = "Nexus-demo-2026!"
const { base } = await startServer()
const rows: Row[] = []

try {
  // The events of loading the demo store still come in, and expire what is cached.
  await new Promise((resolve) => setTimeout(resolve, 10_000))
  const access = await signIn("ada@nexus.test")
  const staff = await signIn("staff@nexus.test")
  const fresh = { "cache-control": "no-cache" }
  const address = { street: "1 Main St", city: "Nairobi", country: "KE" }

  await measure("GET /products, uncached", 2, "GET", "/products", { headers: fresh })
  await measure("GET /products, cached", 0, "GET", "/products")
  await measure(
    "GET /products?category=…, uncached",
    2,
    "GET",
    "/products?category=electronics&min_price=50&ordering=price",
    { headers: fresh },
  )
  await measure(
    "GET /products?category=…, cached",
    0,
    "GET",
    "/products?category=electronics&min_price=50&ordering=price",
  )
  await measure("GET /products/{p}", 2, "GET", "/products/1")
  await measure("GET /products/{p}/availability", 1, "GET", "/products/1/availability")
  await measure("GET /categories, uncached", 1, "GET", "/categories", { headers: fresh })
  await measure("GET /categories, cached", 0, "GET", "/categories")
  await measure("GET /users/me", 1, "GET", "/users/me", { access })
  await measure("POST /cart/items", 3, "POST", "/cart/items", {
    access,
    body: { product_id: "2", quantity: 2 },
  })
  await measure("POST /cart/items, with a key", 3, "POST", "/cart/items", {
    access,
    body: { product_id: "3" },
    headers: { "idempotency-key": "bench-add" },
  })
  await measure("GET /cart", 2, "GET", "/cart", { access })
  await measure("GET /cart/summary", 2, "GET", "/cart/summary", { access })
  await measure("POST /orders of the cart, with a key", 5, "POST", "/orders", {
    access,
    body: { shipping_address: address },
    headers: { "idempotency-key": "bench-order" },
  })
  await measure("POST /orders, replayed", 1, "POST", "/orders", {
    access,
    body: { shipping_address: address },
    headers: { "idempotency-key": "bench-order" },
  })
  await measure("POST /orders of items", 5, "POST", "/orders", {
    access,
    body: { items: [{ product_id: "2", quantity: 1 }], shipping_address: address },
  })
  await measure("GET /orders", 2, "GET", "/orders", { access })
  await measure("POST /auth/login", 3, "POST", "/auth/login", {
    body: { email: "grace@nexus.test", password },
  })
  await measure("POST /products", 4, "POST", "/products", {
    access: staff,
    body: { name: "Bench stool", price: "40.00", category: "electronics", stock_quantity: 3 },
  })
  print()
} finally {
  await cleanUp()
}
process.exit(rows.some(({ queries, most }) => queries > most) ? 1 : 0)

type Sent = { access?: string; headers?: Record<string, string>; body?: unknown }

async function measure(
  route: string,
  most: number,
  method: string,
  path: string,
  sent: Sent = {},
): Promise<void> {
  const response = await send(method, path, sent)
  if (!response.ok) throw new Error(`${route}: ${response.status} ${await response.text()}`)
  const timing = response.headers.get("server-timing") ?? ""
  const figure = (name: string) => Number(new RegExp(`${name};desc="(\\d+)"`).exec(timing)?.[1])
  rows.push({ route, queries: figure("d1_queries"), rows: figure("d1_rows_read"), most })
  // Caches are filled after the answer.
  await new Promise((resolve) => setTimeout(resolve, 100))
}

async function signIn(email: string): Promise<string> {
  const response = await send("POST", "/auth/login", { body: { email, password } })
  return ((await response.json()) as { access: string }).access
}

function send(method: string, path: string, { access, headers, body }: Sent): Promise<Response> {
  const all = {
    ...(access && { authorization: `Bearer ${access}` }),
    ...(body !== undefined && { "content-type": "application/json" }),
    ...headers,
  }
  return fetch(`${base}/api/v1${path}`, {
    method,
    headers: all,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

function print(): void {
  const width = Math.max(...rows.map(({ route }) => route.length))
  console.log(`${"route".padEnd(width)}  D1 round trips  at most  rows read`)
  for (const { route, queries, rows: read, most } of rows) {
    console.log(
      `${route.padEnd(width)}  ${String(queries).padStart(14)}  ${String(most).padStart(7)}  ${String(read).padStart(9)}${queries > most ? "  too many" : ""}`,
    )
  }
}
