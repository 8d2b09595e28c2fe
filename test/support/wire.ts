import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { expect } from "vitest"

import worker from "../../src/worker.ts"
import { type Answer, call } from "./api.ts"

type Sent = {
  /** Bindings that differ from the real ones. */
  over?: Partial<Record<keyof Env, unknown>>
  body?: unknown
  as?: { access: string } | undefined
  headers?: Record<string, string>
}

/** Calls the Worker with bindings of the test's choice, and waits for what it does after the answer. */
export async function send(
  method: string,
  path: string,
  { over = {}, body, as, headers }: Sent = {},
): Promise<Answer> {
  const url = new URL(path.startsWith("/") ? path : `/api/v1/${path}`, "http://nexus.test")
  const sent = new Headers(headers)
  if (as) sent.set("authorization", `Bearer ${as.access}`)
  const isRaw = typeof body === "string" || body instanceof FormData
  if (body !== undefined && !isRaw && !sent.has("content-type"))
    sent.set("content-type", "application/json")
  const request = new Request<unknown, IncomingRequestCfProperties>(url, {
    method,
    headers: sent,
    ...(body !== undefined && { body: isRaw ? body : JSON.stringify(body) }),
  })
  const execution = createExecutionContext()
  const response = await worker.fetch(request, { ...env, ...over } as Env, execution)
  const text = await response.text()
  await waitOnExecutionContext(execution)
  const isJson = /json/.test(response.headers.get("content-type") ?? "")
  return {
    status: response.status,
    headers: response.headers,
    body: isJson && text !== "" ? JSON.parse(text) : text,
  }
}

/** Asserts that an answer is this problem, complete as api.md 1.8 says. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body.code]).toEqual([status, code])
  expect(answer.headers.get("content-type")).toBe("application/problem+json")
  expect(answer.headers.get("cache-control")).toBe("no-store")
  expect(answer.body).toMatchObject({
    type: `http://nexus.test/problems/${code}`,
    title: expect.stringMatching(/\w/),
    status,
    detail: expect.stringMatching(/\w/),
    instance: expect.stringMatching(/^\/.*#[\w.:-]+$/),
    code,
    request_id: answer.headers.get("x-request-id"),
  })
}

/** The refused fields of a problem and where each stands, in the order of their names. */
export function fieldsOf(answer: Answer): [string, string | undefined][] {
  const errors = (answer.body.errors ?? []) as Record<string, string>[]
  return errors
    .map((one): [string, string | undefined] => [
      one["field"] ?? "",
      one["pointer"] ?? one["parameter"] ?? one["header"],
    ])
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
}

/** One operation of the published document. */
export type Operation = {
  id: string
  method: string
  path: string
  /** The operation object as published. */
  spec: any
}

let published: { document: any } | undefined

/** The OpenAPI document that the Worker publishes. */
export async function document(): Promise<any> {
  published ??= { document: (await call("GET", "schema")).body }
  return published.document
}

/** Every operation of the document. */
export async function operations(): Promise<Operation[]> {
  const { paths } = await document()
  return Object.entries<any>(paths).flatMap(([path, methods]) =>
    Object.entries<any>(methods)
      .filter(([method]) => ["get", "post", "put", "patch", "delete"].includes(method))
      .map(([method, spec]) => ({
        id: spec.operationId,
        method: method.toUpperCase(),
        path,
        spec,
      })),
  )
}

/** A schema with its reference followed. */
export async function resolved(schema: any): Promise<any> {
  const name = /^#\/components\/schemas\/(.+)$/.exec(schema?.$ref ?? "")?.[1]
  return name === undefined ? schema : (await document()).components.schemas[name]
}

/** The example of a schema: its own, or put together of those of its properties. */
export async function exampleOf(given: any): Promise<any> {
  const schema = await resolved(given)
  if (schema === undefined) return undefined
  if ("example" in schema) return schema.example
  if (schema.properties === undefined) return undefined
  const examples: Record<string, unknown> = {}
  for (const [name, property] of Object.entries<any>(schema.properties)) {
    const example = await exampleOf(property)
    if (example !== undefined) examples[name] = example
    else if (schema.required?.includes(name)) return undefined
  }
  return examples
}

/** The path of an operation with the examples of its parameters filled in. */
export function filled({ path, spec }: Operation): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const parameter = spec.parameters?.find((one: any) => one.in === "path" && one.name === name)
    const example = parameter?.schema?.example ?? parameter?.example
    if (example === undefined) throw new Error(`${spec.operationId}: no example for {${name}}`)
    return encodeURIComponent(String(example))
  })
}
