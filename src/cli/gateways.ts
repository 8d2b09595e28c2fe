import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"

const root = join(import.meta.dirname, "../..")

/** Gateways that are not real, and what a shop is set to that pays there. */
export type Gateways = { url: string; settings: Record<string, string>; child: ChildProcess }

/**
 * Starts test/support/gateways/server.ts beside the shop: it speaks as Stripe, PayPal and Square do. `shop`: where
 * webhooks go; `file`: where it keeps what it knows. @throws Error when it ends before it is ready
 */
export function startGateways(options: {
  port: number
  shop: string
  file: string
}): Promise<Gateways> {
  const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn(process.execPath, ["test/support/gateways/server.ts", ...given], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  })
  process.on("exit", () => child.kill())
  return new Promise((resolve, reject) => {
    child.on("exit", (code) => reject(new Error(`the gateways ended with ${code}`)))
    // One line, as soon as they listen.
    child.stdout?.once("data", (line) => {
      const { url, settings } = JSON.parse(String(line)) as Omit<Gateways, "child">
      resolve({ url, settings, child })
    })
  })
}
