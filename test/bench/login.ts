import { cleanUp, startServer } from "../support/server.ts"

/**
 * Prints what a refused sign-in takes for an account that is there and for one that is not, in turn: whoever measures
 * learns nothing. The ratio of the medians is what counts; the milliseconds are this machine's.
 */
const tries = 200
const { base } = await startServer({ flags: ["--no-demo"] })

try {
  await attempt("ada@nexus.test")
  const known: number[] = []
  const unknown: number[] = []
  for (let n = 0; n < tries; n++) {
    known.push(await attempt("ada@nexus.test"))
    unknown.push(await attempt(`nobody${n}@nexus.test`))
  }
  const [a, b] = [median(known), median(unknown)]
  console.log(
    `refused sign-in, median of ${tries}: known account ${a.toFixed(1)} ms, unknown ${b.toFixed(1)} ms`,
  )
  console.log(`ratio known/unknown ${(a / b).toFixed(3)}, to stay between 0.9 and 1.1`)
} finally {
  await cleanUp()
}
process.exit(0)

/** Milliseconds of one refused sign-in. */
async function attempt(email: string): Promise<number> {
  const start = performance.now()
  const response = await fetch(`${base}/api/v1/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email, password: "not the password" }),
  })
  if (response.status !== 401) throw new Error(`${response.status} ${await response.text()}`)
  await response.arrayBuffer()
  return performance.now() - start
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
