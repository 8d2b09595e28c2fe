import { connect } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

import { writeAccounts } from "./accounts.ts"
import { demoAccounts, demoPassword, loadDemo } from "./demo.ts"
import { readFlags } from "./flags.ts"
import { startGateways } from "./gateways.ts"
import { ensureLocalSecrets } from "./secrets.ts"
import { output, wrangler } from "./wrangler.ts"
import "./assets.ts"

/** Starts the shop on this machine: `npm start -- [--no-demo] [--fake-gateways[=<port>]] [any flag of wrangler dev]`. */
const { port, persistTo, withDemo, gatewaysPort, rest: flags } = flagsOrEnd()
const base = `http://localhost:${port}`
const state = persistTo === undefined ? [] : ["--persist-to", persistTo]

for (const [asked, flag] of [
  [port, "--port"],
  [gatewaysPort, "--fake-gateways"],
] as const)
  if (asked !== undefined && (await isTaken(asked)))
    end(`Something is listening on port ${asked} already: stop it, or choose another by ${flag}.`)

ensureLocalSecrets()
// One after the other: two wranglers that open one fresh folder at once lock each other out (SQLITE_BUSY).
for (const database of ["DB", "SEARCH"])
  await output(["d1", "migrations", "apply", database, "--local", ...state])
await writeAccounts(demoAccounts, ["--local", ...state], false)

// They know next time what they knew, as the shop does.
const gateways =
  gatewaysPort === undefined
    ? undefined
    : await startGateways({
        port: gatewaysPort,
        shop: base,
        file: join(persistTo ?? ".wrangler/state", "gateways.json"),
      })
const settings = Object.entries(gateways?.settings ?? {})

const quiet = flags.some((flag) => flag.startsWith("--log-level")) ? [] : ["--log-level", "warn"]
const server = wrangler([
  "dev",
  "--port",
  String(port),
  "--show-interactive-dev-session=false",
  "--var",
  "ENVIRONMENT:development",
  "--var",
  `BASE_URL:${base}`,
  ...settings.flatMap(([name, value]) => ["--var", `${name}:${value}`]),
  ...quiet,
  ...flags,
])
server.on("exit", (code) => process.exit(code ?? 1))
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => server.kill(signal))

await reachable()
if (withDemo && (await isEmpty())) {
  const { products } = await loadDemo(base)
  console.log(`The demo store is loaded: ${products} products.`)
}
console.log(`
Nexus is ready on ${base}
  Swagger UI  ${base}/api/v1/docs
  ReDoc       ${base}/api/v1/redoc
  Sign in as  ${demoAccounts.map(({ email, role }) => `${email} (${role})`).join(", ")}
  Password    ${demoPassword}
`)
if (gateways)
  console.log(`  Payments    Stripe, PayPal and Square, none of them real, at ${gateways.url}
  Test cards  4242 4242 4242 4242 is good, 4000 0000 0000 0002 is declined
`)

function flagsOrEnd() {
  try {
    return readFlags(process.argv.slice(2))
  } catch (error) {
    return end(error instanceof Error ? error.message : String(error))
  }
}

function end(reason: string): never {
  console.error(reason)
  process.exit(2)
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "localhost")
    socket.once("error", () => resolve(false))
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
  })
}

async function reachable(): Promise<void> {
  for (;;) {
    const answered = await fetch(`${base}/health/liveness`).then(
      (response) => response.ok,
      () => false,
    )
    if (answered) return
    await sleep(200)
  }
}

async function isEmpty(): Promise<boolean> {
  const response = await fetch(`${base}/api/v1/products?page_size=1`, {
    headers: { "cache-control": "no-cache" },
  })
  return ((await response.json()) as { count: number }).count === 0
}
