import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

import { writeAccounts } from "./accounts.ts"
import { demoAccounts, demoPassword, loadDemo } from "./demo.ts"
import { startGateways } from "./gateways.ts"
import { ensureLocalSecrets } from "./secrets.ts"
import { output, wrangler } from "./wrangler.ts"
import "./assets.ts"

/** Starts the shop on this machine: `npm start -- [--no-demo] [--fake-gateways[=<port>]] [any flag of wrangler dev]`. */
const isOurs = (flag: string) => flag === "--no-demo" || /^--fake-gateways(?:=|$)/.test(flag)
const flags = process.argv.slice(2).filter((flag) => !isOurs(flag))
const withDemo = !process.argv.includes("--no-demo")
const gatewayFlag = process.argv.find((flag) => flag.startsWith("--fake-gateways"))
const port = valueOf("--port") ?? "8787"
const base = `http://localhost:${port}`
const state = valueOf("--persist-to") ? ["--persist-to", valueOf("--persist-to") ?? ""] : []

ensureLocalSecrets()
for (const database of ["DB", "SEARCH"])
  await output(["d1", "migrations", "apply", database, "--local", ...state])
await writeAccounts(demoAccounts, ["--local", ...state], false)

// They know next time what they knew, as the shop does.
const gateways = gatewayFlag
  ? await startGateways({
      port: Number(gatewayFlag.split("=")[1] ?? 8790),
      shop: base,
      file: join(valueOf("--persist-to") ?? ".wrangler/state", "gateways.json"),
    })
  : undefined
const settings = Object.entries(gateways?.settings ?? {})

const quiet = flags.some((flag) => flag.startsWith("--log-level")) ? [] : ["--log-level", "warn"]
const server = wrangler([
  "dev",
  "--port",
  port,
  "--show-interactive-dev-session=false",
  "--var",
  "ENVIRONMENT:development",
  "--var",
  `BASE_URL:${base}`,
  ...settings.flatMap(([name, value]) => ["--var", `${name}:${value}`]),
  ...quiet,
  ...withoutPort(flags),
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

function valueOf(name: string): string | undefined {
  const index = flags.findIndex((flag) => flag === name || flag.startsWith(`${name}=`))
  return index < 0 ? undefined : (flags[index]?.split("=")[1] ?? flags[index + 1])
}

function withoutPort(all: readonly string[]): string[] {
  const index = all.indexOf("--port")
  return all.filter(
    (flag, at) => !flag.startsWith("--port=") && (index < 0 || (at !== index && at !== index + 1)),
  )
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
