import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test"
import { env } from "cloudflare:workers"

/** A call from the Worker to the outside: `n` counts from 0, `statements` is of a batch of D1. */
export type Call = { n: number; what: string; statements: number }

/**
 * How a run goes wrong at one of its calls. `dies before`/`dies after`: the process ends before the call is made, or
 * when it was made and the answer is on its way; whatever it wanted to do afterwards is not done. `fails`: the call is
 * not made, `answer lost`: it is made, and either way an error comes back and the process lives. `statement`: this
 * statement of a batch is refused by the database, and with it the batch.
 */
export type Fault =
  | { n: number; how: "dies before" | "dies after" | "fails" | "answer lost" }
  | { n: number; how: "statement"; statement: number }

/** What one run of the Worker did. */
export type Run = { calls: Call[]; response: Response | undefined }

/** A fault in words, as test reports print it. */
export function told({ n, ...fault }: Fault, calls: readonly Call[]): string {
  const what = calls[n]?.what ?? "?"
  return fault.how === "statement"
    ? `call ${n} (${what}): statement ${fault.statement} is refused`
    : `call ${n} (${what}): ${fault.how}`
}

/** Every fault there can be in a run that made these calls. */
export function faultsOf(calls: readonly Call[]): Fault[] {
  return calls.flatMap(({ n, statements }): Fault[] => [
    ...(["dies before", "dies after", "fails", "answer lost"] as const).map((how) => ({ n, how })),
    ...Array.from({ length: statements }, (_, statement) => ({
      n,
      how: "statement" as const,
      statement,
    })),
  ])
}

/**
 * Runs `work` with bindings that go wrong as `fault` says, and waits for what it left to be done after its answer.
 * The queue swallows what it is sent: events are delivered by the test.
 */
export async function runWith(
  fault: Fault | undefined,
  work: (env: Env, execution: ExecutionContext) => Promise<Response | undefined>,
): Promise<Run> {
  const calls: Call[] = []
  let isDead = false
  const lost = () => new Error("Network connection lost.")

  async function outside<T>(
    what: string,
    make: () => Promise<T>,
    refused?: (statement: number) => Promise<T>,
    statements = 0,
  ): Promise<T> {
    if (isDead) throw lost()
    const n = calls.length
    calls.push({ n, what, statements })
    if (fault?.n !== n) return make()
    if (fault.how === "statement") return refused ? refused(fault.statement) : make()
    if (fault.how === "dies before") isDead = true
    if (fault.how === "dies before" || fault.how === "fails") throw lost()
    await make()
    if (fault.how === "dies after") isDead = true
    throw lost()
  }

  const database = (real: D1Database | D1DatabaseSession): D1Database =>
    ({
      prepare: (sql: string) => prepared(sql, real.prepare(sql)),
      batch: (all: Prepared[]) => {
        const run = (some: Prepared[]) => real.batch(some.map(({ inner }) => inner))
        const what = all.map(({ sql }) => wordsOf(sql)).join("; ")
        const broken = (statement: number) =>
          run(all.with(statement, prepared("", real.prepare("SELECT 1 FROM no_such_table"))))
        return outside(what, () => run(all), broken, all.length)
      },
      withSession: (at: string) => database((real as D1Database).withSession(at)),
      getBookmark: () => (real as D1DatabaseSession).getBookmark(),
    }) as unknown as D1Database

  type Prepared = D1PreparedStatement & { inner: D1PreparedStatement; sql: string }
  const prepared = (sql: string, inner: D1PreparedStatement): Prepared =>
    ({
      sql,
      inner,
      bind: (...values: unknown[]) => prepared(sql, inner.bind(...values)),
      all: () => outside(wordsOf(sql), () => inner.all()),
      run: () => outside(wordsOf(sql), () => inner.run()),
    }) as unknown as Prepared

  const namespace = (name: string, real: DurableObjectNamespace): DurableObjectNamespace =>
    ({
      getByName: (id: string) =>
        new Proxy(real.getByName(id), {
          get:
            (target, method: string) =>
            (...args: unknown[]) =>
              outside(`${name}.${method}`, () =>
                (target as unknown as Record<string, (...all: unknown[]) => Promise<unknown>>)[
                  method
                ]!(...args),
              ),
        }),
    }) as unknown as DurableObjectNamespace

  const bindings = {
    ...env,
    DB: database(env.DB),
    STOCK: namespace("stock", env.STOCK as unknown as DurableObjectNamespace),
    EVENTS: { sendBatch: () => outside("queue", async () => {}) },
  } as unknown as Env
  const execution = createExecutionContext()
  const response = await work(bindings, execution).catch(() => undefined)
  await waitOnExecutionContext(execution).catch(() => undefined)
  return { calls, response }
}

/** A statement in two or three words: what it does to which table. */
function wordsOf(sql: string): string {
  return (
    /^(?:insert into|update|delete from) "?\w+"?|^select[\s\S]*? from "?\w+"?/i
      .exec(sql)?.[0]
      .replace(/^select[\s\S]* from/i, "select")
      .replaceAll('"', "") ?? "statement"
  )
}

/** Every table is empty again, whatever guards its rows; stock objects are new with their products' ids. */
export async function emptied(): Promise<void> {
  const { results } = await env.DB.prepare(
    "SELECT type, name, sql FROM sqlite_master WHERE (type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'd1_%' AND name NOT LIKE '_cf_%') OR (type = 'trigger' AND sql LIKE '%BEFORE DELETE%RAISE%')",
  ).all<{ type: string; name: string; sql: string }>()
  const { table = [], trigger = [] } = Object.groupBy(results, ({ type }) => type)
  await env.DB.batch(
    [
      "PRAGMA defer_foreign_keys = on",
      ...trigger.map(({ name }) => `DROP TRIGGER "${name}"`),
      ...table.map(({ name }) => `DELETE FROM "${name}"`),
      ...trigger.map(({ sql }) => sql),
    ].map((statement) => env.DB.prepare(statement)),
  )
}
