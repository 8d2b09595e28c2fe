import { z } from "zod"

/** What a sweep did. */
export const SweepReport = z
  .object({
    tasks: z.array(
      z.object({
        task: z.string().meta({ example: "unpaid-orders" }),
        result: z.enum(["done", "busy", "failed"]).meta({
          description: "`busy`: another sweep is at it; `failed`: the log says why",
        }),
        count: z
          .int()
          .nullable()
          .meta({ description: "What was found to do; null: it is not counted", example: 3 }),
      }),
    ),
  })
  .meta({ id: "SweepReport" })
export type SweepReport = z.infer<typeof SweepReport>
