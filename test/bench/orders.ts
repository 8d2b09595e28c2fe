import { startBuilt } from "./support/built.ts"

/**
 * Prints how many orders a second the built Worker takes, of one hot product and of many, and what an order costs in D1
 * round trips and rows. Figures are of this machine; the ratio between the two says whether one stock object is the
 * limit: near 1 it is not, and the database, which is the same for both, is.
 */
const password = "Nexus-demo-2026!"
const orders = Number(process.env["ORDERS"] ?? 600)
const buyers = 16

type Result = { perSecond: number; queries: number; rows: number; refused: number }

const shop = await startBuilt({ accounts: true })
try {
  const staff = await signIn("staff@nexus.test")
  const products = await Promise.all(Array.from({ length: 50 }, (_, n) => newProduct(staff, n)))
  const hot = products.slice(0, 1)
  // The first orders build what an isolate builds once.
  await place(products, 50)
  const rounds: { hot: Result; spread: Result }[] = []
  for (let round = 0; round < 3; round++)
    rounds.push({ hot: await place(hot, orders), spread: await place(products, orders) })
  const middle = (of: (round: (typeof rounds)[number]) => number) =>
    rounds.map(of).toSorted((a, b) => a - b)[1] ?? 0
  console.log(
    `orders per round: ${orders}, ${buyers} at a time; medians of ${rounds.length} rounds`,
  )
  for (const kind of ["hot", "spread"] as const) {
    const perSecond = middle((round) => round[kind].perSecond)
    const last = rounds.at(-1)?.[kind]
    console.log(
      `${kind === "hot" ? "one product  " : "fifty products"}  ${perSecond.toFixed(0)} orders/s, ${last?.queries.toFixed(2)} D1 round trips and ${last?.rows.toFixed(1)} rows read an order before its answer, ${last?.refused} refused`,
    )
  }
  console.log(
    `ratio hot : spread ${middle(({ hot: one, spread }) => one.perSecond / spread.perSecond).toFixed(2)}`,
  )
} finally {
  await shop.stop()
}

async function place(products: readonly string[], count: number): Promise<Result> {
  let next = 0
  let queries = 0
  let rows = 0
  let refused = 0
  const started = performance.now()
  await Promise.all(
    Array.from({ length: buyers }, async () => {
      while (next < count) {
        const product_id = products[next++ % products.length]
        const answer = await fetch(`${shop.base}/api/v1/orders`, {
          method: "POST",
          headers: { "content-type": "application/json", "idempotency-key": crypto.randomUUID() },
          body: JSON.stringify({
            items: [{ product_id, quantity: 1 }],
            shipping_address: { street: "1 Main St", city: "Nairobi", country: "KE" },
            email: "bench@example.com",
          }),
        })
        await answer.arrayBuffer()
        if (answer.status !== 201) refused++
        const told = answer.headers.get("server-timing") ?? ""
        queries += Number(/d1_queries;desc="(\d+)"/.exec(told)?.[1] ?? 0)
        rows += Number(/d1_rows_read;desc="(\d+)"/.exec(told)?.[1] ?? 0)
      }
    }),
  )
  const seconds = (performance.now() - started) / 1000
  return { perSecond: count / seconds, queries: queries / count, rows: rows / count, refused }
}

async function newProduct(access: string, n: number): Promise<string> {
  const { id } = await call<{ id: string }>("products", access, {
    name: `Bench ${n}`,
    price: "10.00",
    stock_quantity: 1_000_000,
  })
  return id
}

async function signIn(email: string): Promise<string> {
  return (await call<{ access: string }>("auth/login", undefined, { email, password })).access
}

async function call<T>(path: string, access: string | undefined, body: unknown): Promise<T> {
  const answer = await fetch(`${shop.base}/api/v1/${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(access && { authorization: `Bearer ${access}` }),
    },
    body: JSON.stringify(body),
  })
  if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}
