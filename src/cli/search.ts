import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"

import { demoPassword } from "./demo.ts"

/** `npm run search:rebuild`: builds the search index anew beside the live one, and waits until it is searched. */
const { values } = parseArgs({
  options: {
    url: { type: "string", default: "http://localhost:8787" },
    key: { type: "string" },
    email: { type: "string", default: "staff@nexus.test" },
    password: { type: "string", default: demoPassword },
  },
})
const usage =
  "usage: npm run search:rebuild -- [--url https://shop.example.com] [--key API_KEY | --email STAFF --password TEXT]"

type Status = { status: string; generation: number; building: number | null; indexed: number }

try {
  const credentials = values.key ? { "x-api-key": values.key } : await signIn()
  const begun = await send<Status>("POST", "/admin/search/rebuild", credentials)
  for (let now = begun; now.status === "building";) {
    console.log(`${now.indexed} products`)
    await sleep(1000)
    now = await send<Status>("GET", "/admin/search/rebuild", credentials)
  }
  console.log("The new index is searched.")
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  console.error(usage)
  process.exit(1)
}

async function signIn(): Promise<Record<string, string>> {
  const { email, password } = values
  const { access } = await send<{ access: string }>("POST", "/auth/login", {}, { email, password })
  return { authorization: `Bearer ${access}` }
}

async function send<T>(
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: unknown,
): Promise<T> {
  const response = await fetch(`${values.url.replace(/\/+$/, "")}/api/v1${path}`, {
    method,
    headers: { ...headers, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw new Error(`nothing answers at ${values.url}: is the shop running?`, { cause })
  })
  if (!response.ok)
    throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}
