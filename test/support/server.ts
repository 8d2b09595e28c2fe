import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { randomInt } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

const root = join(import.meta.dirname, "../..")
/** How long a start may take: migrations, accounts, the build and the demo catalogue. */
const startMs = 150_000
/** How long a server that is asked to stop may take before it is killed. */
const stopMs = 10_000

/** A running shop. Its state outlives it in the folder it was started with. */
export type Server = {
  /** `http://localhost:<port>` */
  base: string
  /** Ends every process of it with SIGKILL, in the middle of whatever it does, and waits until they are gone. */
  kill(): Promise<void>
  /** Asks it to end, as Ctrl-C does; kills what does not. */
  stop(): Promise<void>
}

const running = new Set<{ pid: number; kill: () => Promise<void> }>()
const folders = new Set<string>()

process.on("exit", () => {
  for (const { pid } of running) signal(pid)
})

/** A new folder that `cleanUp` deletes. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "nexus-system-"))
  folders.add(folder)
  return folder
}

/** Kills what still runs and deletes every folder. For afterAll. */
export async function cleanUp(): Promise<void> {
  await Promise.all([...running].map((server) => server.kill()))
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  folders.clear()
}

/**
 * Starts the shop by its own start command, with rate limits off, and waits until it says that it is ready.
 * `flags` go to the command; `persistTo` is where its state is kept (a new folder by default).
 * @throws Error with what it said, when it ends or is not ready in time
 */
export async function startServer({
  flags = [],
  port,
  persistTo = newFolder(),
}: Given = {}): Promise<Server> {
  const chosen = port ?? (await freePort())
  for (let tries = 1; ; tries++) {
    try {
      return await startOnce({ flags, port: chosen, persistTo })
    } catch (error) {
      // wrangler looks for ports of its own, and binds them later: another one may have taken them by then.
      if (tries === mostTries || !String(error).includes("Address already in use")) throw error
    }
  }
}

type Given = { flags?: readonly string[]; port?: number; persistTo?: string }
const mostTries = 3

async function startOnce({ flags, port: chosen, persistTo }: Required<Given>): Promise<Server> {
  const base = `http://localhost:${chosen}`
  const scratch = join(newFolder(), "tmp")
  mkdirSync(scratch)
  const given = ["--port", String(chosen), "--persist-to", persistTo, "--var", "RATE_LIMITS:off"]
  const child = spawn(process.execPath, ["src/cli/start.ts", ...given, ...flags], {
    cwd: root,
    env: { ...process.env, TMPDIR: scratch },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  })
  const { pid } = child
  if (pid === undefined) throw new Error("the start command could not be run")
  // Should this process itself be killed, the guard reads the end of its input and ends the group.
  const guard = spawn("sh", ["-c", `read -r _; kill -s KILL -- -${pid}`], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  })
  const server = {
    pid,
    base,
    async kill(): Promise<void> {
      signal(pid)
      while (isAlive(pid) || (await isTaken(chosen))) await sleep(50)
      guard.kill("SIGKILL")
      running.delete(server)
    },
    async stop(): Promise<void> {
      child.kill("SIGTERM")
      const deadline = Date.now() + stopMs
      while (isAlive(pid) && Date.now() < deadline) await sleep(50)
      await server.kill()
    },
  }
  running.add(server)
  try {
    await ready(child, base)
  } catch (error) {
    await server.kill()
    throw error
  }
  return server
}

function ready(child: ChildProcess, base: string): Promise<void> {
  const said: string[] = []
  return new Promise((resolve, reject) => {
    const fail = (reason: string) => {
      clearTimeout(timer)
      reject(new Error(`the shop ${reason}\n${said.join("")}`))
    }
    const timer = setTimeout(() => fail(`was not ready after ${startMs} ms`), startMs)
    const listen = (chunk: unknown) => {
      said.push(String(chunk))
      if (!said.join("").includes(`Nexus is ready on ${base}\n`)) return
      clearTimeout(timer)
      resolve()
    }
    child.stdout?.on("data", listen)
    child.stderr?.on("data", listen)
    child.on("exit", (code) => fail(`ended with ${code}`))
  })
}

function signal(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL")
  } catch {
    // ESRCH: nobody is left in the group.
  }
}

/** Whether a process of the group still runs. A zombie does not: it only waits to be counted. */
function isAlive(pid: number): boolean {
  const rows = execFileSync("ps", ["-A", "-o", "pgid=,stat="], { encoding: "utf8" })
  return rows.split("\n").some((row) => {
    const [group, state = "Z"] = row.trim().split(/\s+/)
    return group === String(pid) && !state.startsWith("Z")
  })
}

/** Settings as flags of the start command. */
export function varsOf(settings: Record<string, string>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ["--var", `${name}:${value}`])
}

/** A port that nobody listens at now, and below those that outgoing connections are given meanwhile. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 30_000)
    if (!(await isTaken(port))) return port
  }
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer().on("error", () => resolve(true))
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(false)))
  })
}

/** An answer read to its end. */
export type Answer<T> = { status: number; headers: Headers; body: T }

/** One JSON call. A path without / in front is below /api/v1. `as`: an access token. */
export type Call = <T = any>(
  method: string,
  path: string,
  options?: { body?: unknown; as?: string; headers?: Record<string, string> },
) => Promise<Answer<T>>

/** Calls the shop as a client would: JSON in, JSON out; redirects are not followed. */
export function client(base: string): Call {
  return async (method, path, { body, as, headers } = {}) => {
    // A connection each: one that is kept may be closed by the server just when the next request goes out on it.
    const sent = new Headers({ connection: "close", ...headers })
    if (as !== undefined) sent.set("authorization", `Bearer ${as}`)
    if (body !== undefined) sent.set("content-type", "application/json")
    const response = await fetch(`${base}${path.startsWith("/") ? path : `/api/v1/${path}`}`, {
      method,
      headers: sent,
      redirect: "manual",
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = /json/.test(response.headers.get("content-type") ?? "")
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text !== "" ? JSON.parse(text) : text,
    }
  }
}
