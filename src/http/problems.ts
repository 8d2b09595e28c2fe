import { z } from "zod"

import { type ErrorCode, errorTable, notFound } from "#errors.ts"
import { statusOf } from "#http/problem.ts"
import { createRouter, ok, route } from "#http/router.ts"

const Explanation = z
  .object({ code: z.string(), title: z.string(), status: z.int() })
  .meta({ id: "ProblemType" })

/** GET /problems/{code}: what the `type` of a problem leads to. */
export const problems = createRouter().openapi(
  route({
    method: "get",
    path: "/problems/{code}",
    tags: ["Utilities"],
    operationId: "explainProblem",
    summary: "What an error code means",
    description: "The address that the `type` of a problem names.",
    access: "open",
    shared: true,
    request: { params: z.object({ code: z.string().meta({ example: "out-of-stock" }) }) },
    responses: ok(Explanation, "The code"),
    refuses: ["not-found"],
  }),
  (c) => {
    const { code } = c.req.valid("param")
    if (!Object.hasOwn(errorTable, code)) throw notFound("error code")
    const known = code as ErrorCode
    return c.json({ code, title: errorTable[known].title, status: statusOf(known) as number }, 200)
  },
)
