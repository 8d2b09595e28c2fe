import type { MiddlewareHandler } from "hono"
import { bodyLimit } from "hono/body-limit"
import { every } from "hono/combine"
import { createMiddleware } from "hono/factory"

import { DomainError } from "#errors.ts"
import type { AppEnv } from "#http/env.ts"

/** api.md 1.17. */
export const limits = { bytes: 1024 * 1024, depth: 32, items: 1000 }

/** Refuses a body of more bytes, whether or not its length is announced. @throws `body-too-large` */
export function atMost(bytes: number): MiddlewareHandler<AppEnv> {
  return bodyLimit({
    maxSize: bytes,
    onError: () => {
      throw new DomainError("body-too-large", `A body has at most ${bytes} bytes here`)
    },
  })
}

/**
 * Reads a JSON body once, within the limits of api.md 1.17. An absent body passes: whether one is required is the
 * route's own matter.
 * @throws `unsupported-media-type`, `body-too-large`, `malformed-json`, `invalid-input`
 */
export const jsonBody = every(
  atMost(limits.bytes),
  createMiddleware<AppEnv>(async (c, next) => {
    const text = await c.req.text()
    const type = c.req.header("content-type") ?? ""
    if (text !== "" && !/^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type)) {
      throw new DomainError("unsupported-media-type", "Send application/json")
    }
    if (text !== "") check(parse(text), 1)
    else if (type !== "") {
      // Clients announce JSON and then send nothing: that is an absent body, not a broken one.
      // Hono keeps promises here, and types them by what they hold.
      c.req.bodyCache = { text: Promise.resolve("{}") as unknown as string }
    }
    await next()
  }),
)

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new DomainError("malformed-json")
  }
}

function check(value: unknown, depth: number): void {
  if (typeof value !== "object" || value === null) return
  if (depth > limits.depth)
    throw new DomainError("invalid-input", `A body is at most ${limits.depth} levels deep`)
  if (Array.isArray(value) && value.length > limits.items) {
    throw new DomainError("invalid-input", `A list in a body holds at most ${limits.items} entries`)
  }
  for (const inner of Object.values(value)) check(inner, depth + 1)
}
