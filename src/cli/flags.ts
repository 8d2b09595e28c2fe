/** What `npm start` was asked for. */
export type StartFlags = {
  port: number
  /** Where the data lie; absent: where wrangler keeps them. */
  persistTo: string | undefined
  withDemo: boolean
  /** The port of the gateways that are not real; absent: without them. */
  gatewaysPort: number | undefined
  /** What is wrangler's: all others, `--persist-to` among them. */
  rest: string[]
}

/** Where the gateways that are not real are found, unless their flag says otherwise. */
const defaultGatewaysPort = 8790

/** What stands behind each of our flags. */
const ours: Record<string, "nothing" | "value" | "maybe a port"> = {
  "--no-demo": "nothing",
  "--port": "value",
  "--persist-to": "value",
  "--fake-gateways": "maybe a port",
}

/**
 * Reads the flags of `npm start`, written `--name value` or `--name=value`. Which others there are only wrangler knows.
 * @throws Error with a sentence for people
 */
export function readFlags(args: readonly string[]): StartFlags {
  const found = new Map<string, string | undefined>()
  const rest: string[] = []
  const left = [...args]
  for (let given = left.shift(); given !== undefined; given = left.shift()) {
    const [name = "", attached] = given.split(/=(.*)/s)
    const kind = ours[name]
    if (kind === undefined) {
      rest.push(given)
      continue
    }
    const isNext = kind === "value" || (kind === "maybe a port" && /^\d+$/.test(left[0] ?? ""))
    const value = attached ?? (isNext ? left.shift() : undefined)
    if (kind === "value" && (value ?? "") === "") throw new Error(`${name} needs a value.`)
    found.set(name, value)
  }
  const port = portOf("--port", found.get("--port") ?? "8787")
  const gatewaysPort = found.has("--fake-gateways")
    ? portOf("--fake-gateways", found.get("--fake-gateways") ?? String(defaultGatewaysPort))
    : undefined
  if (port === gatewaysPort)
    throw new Error(`The shop and the gateways cannot both have port ${port}.`)
  const persistTo = found.get("--persist-to")
  if (persistTo !== undefined) rest.push("--persist-to", persistTo)
  return { port, persistTo, withDemo: !found.has("--no-demo"), gatewaysPort, rest }
}

function portOf(name: string, value: string): number {
  const port = Number(value)
  if (/^\d+$/.test(value) && port >= 1 && port <= 65_535) return port
  throw new Error(`${name} needs a port from 1 to 65535, not "${value}".`)
}
