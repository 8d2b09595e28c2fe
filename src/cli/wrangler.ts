import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")
const binary = join(root, "node_modules/wrangler/bin/wrangler.js")

/**
 * Starts wrangler with these arguments; it asks nobody and tells nobody. `wrangler dev` keeps no traces of what it serves
 * unless X_LOCAL_OBSERVABILITY says so: it would write some 20 kB for each request, and never delete them.
 */
export function wrangler(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const env = {
    ...process.env,
    X_LOCAL_OBSERVABILITY: process.env["X_LOCAL_OBSERVABILITY"] ?? "false",
    WRANGLER_SEND_METRICS: "false",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    FORCE_COLOR: "0",
  }
  return spawn(process.execPath, [binary, ...args], {
    cwd: root,
    env,
    stdio: "inherit",
    ...options,
  })
}

/** Runs wrangler to its end; answers what it said. @throws Error with that when it fails */
export async function output(args: readonly string[]): Promise<string> {
  const child = wrangler(args, { stdio: ["ignore", "pipe", "pipe"] })
  const said: string[] = []
  child.stdout?.on("data", (chunk) => said.push(String(chunk)))
  child.stderr?.on("data", (chunk) => said.push(String(chunk)))
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve))
  if (code !== 0) throw new Error(`wrangler ${args.slice(0, 3).join(" ")} failed\n${said.join("")}`)
  return said.join("")
}
