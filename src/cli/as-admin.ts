import { parseArgs } from "node:util"

import { demoPassword } from "./demo.ts"

/** A call to a shop's API as an admin; answers the body. Anything but success is told, and ends the process with 1. */
export type AdminCall = <T>(method: string, path: string, body?: unknown) => Promise<T>

const options = {
  url: { type: "string", default: "http://localhost:8787" },
  "api-key": { type: "string" },
  email: { type: "string", default: "admin@nexus.test" },
  password: { type: "string", default: demoPassword },
} as const

/**
 * Reaches a running shop: `[--url URL] [--api-key KEY | --email … --password …]`. The key may stand in NEXUS_API_KEY.
 * Without any of these the demo store's admin signs in to the local shop.
 */
export async function asAdmin(args: string[]): Promise<AdminCall> {
  const values = valuesOf(args)
  const base = `${values.url.replace(/\/+$/, "")}/api/v1`
  const key = values["api-key"] ?? process.env["NEXUS_API_KEY"]
  if (key !== undefined) return caller(base, { "x-api-key": key })
  const { email, password } = values
  const { access } = await caller(base, {})<{ access?: string }>("POST", "auth/login", {
    email,
    password,
  })
  if (!access) end("This account has a second factor: make an API key of an admin.")
  return caller(base, { authorization: `Bearer ${access}` })
}

function valuesOf(args: string[]) {
  const command = process.env["npm_lifecycle_event"] ?? "sweep"
  const usage = `usage: npm run ${command} -- [--url https://shop.example.com] [--api-key KEY | --email ADMIN --password TEXT]`
  try {
    const { values } = parseArgs({ args, options })
    if (/^https?:/.test(values.url) && URL.canParse(values.url)) return values
    return end(`--url needs a whole address, not "${values.url}".\n${usage}`, 2)
  } catch (error) {
    return end(`${error instanceof Error ? error.message : String(error)}\n${usage}`, 2)
  }
}

function caller(base: string, authorization: Record<string, string>): AdminCall {
  return async <T>(method: string, path: string, body?: unknown) => {
    const answer = await fetch(`${base}/${path}`, {
      method,
      headers: { ...authorization, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }).catch(() => end(`Nothing answers at ${base}: is the shop running? --url says where.`))
    if (answer.ok) return (await answer.json()) as T
    return end(`${method} ${path}: ${answer.status} ${await answer.text()}`)
  }
}

function end(reason: string, status = 1): never {
  console.error(reason)
  process.exit(status)
}
