import { parseArgs } from "node:util"

import { demoPassword } from "./demo.ts"

/** Does now what cron does, in a running shop: `npm run sweep -- [--url URL] [--api-key KEY | --email … --password …]`. */
const { values } = parseArgs({
  options: {
    url: { type: "string", default: "http://localhost:8787" },
    "api-key": { type: "string" },
    email: { type: "string", default: "admin@nexus.test" },
    password: { type: "string", default: demoPassword },
  },
})
const base = `${values.url.replace(/\/+$/, "")}/api/v1`
const key = values["api-key"] ?? process.env["NEXUS_API_KEY"]

const headers: Record<string, string> =
  key === undefined ? { authorization: `Bearer ${await signIn()}` } : { "x-api-key": key }
const { tasks } = await post<{
  tasks: { task: string; result: string; count: number | null }[]
}>("/admin/sweep", {}, headers)
for (const { task, result, count } of tasks)
  console.log(`${task.padEnd(18)} ${result}${count === null ? "" : ` (${count})`}`)
process.exit(tasks.some(({ result }) => result === "failed") ? 1 : 0)

async function signIn(): Promise<string> {
  const { email, password } = values
  const { access } = await post<{ access?: string }>("/auth/login", { email, password })
  if (access) return access
  console.error("This account has a second factor: make an API key with the scope shop:maintain.")
  process.exit(1)
}

async function post<T>(path: string, body: unknown, more: Record<string, string> = {}): Promise<T> {
  const response = await fetch(`${base}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...more },
    body: JSON.stringify(body),
  })
  if (response.ok) return (await response.json()) as T
  console.error(`${path}: ${response.status} ${await response.text()}`)
  process.exit(1)
}
