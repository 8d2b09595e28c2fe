import { z } from "zod"

/** What does not hold: of what (an id), and how. */
export const Violation = z
  .object({
    subject: z.string().meta({ example: "ord_01kaeq4w8s0000000000000000" }),
    detail: z.string().meta({ example: "It is paid 10.00, and its payments have captured 0.00." }),
  })
  .meta({ id: "Violation" })
export type Violation = z.infer<typeof Violation>

/** One check, as far as it has looked. `next`: where to go on; null: it has looked at everything. */
export const CheckResult = z
  .object({
    name: z.string().meta({ example: "stock" }),
    title: z.string().meta({ example: "Every stock level is the sum of its movements" }),
    checked: z.int().meta({ description: "How many things were looked at", example: 50 }),
    violations: z.array(Violation),
    next: z.string().nullable(),
  })
  .meta({ id: "CheckResult" })
export type CheckResult = z.infer<typeof CheckResult>

/** Which check, and from where. */
export const VerifyQuery = z.object({
  check: z
    .string()
    .max(40)
    .optional()
    .meta({ description: "One check by its name; absent: the first stretch of each" }),
  after: z
    .string()
    .max(200)
    .default("")
    .meta({ description: "`next` of the answer before; with `check`" }),
})
export type VerifyQuery = z.infer<typeof VerifyQuery>

/** Whether the shop's books hold. */
export const Verification = z
  .object({
    is_sound: z.boolean().meta({ description: "No violation in what was looked at" }),
    is_complete: z.boolean().meta({ description: "Everything was looked at" }),
    checks: z.array(CheckResult),
  })
  .meta({ id: "Verification" })
export type Verification = z.infer<typeof Verification>
