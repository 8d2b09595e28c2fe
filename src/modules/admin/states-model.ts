import { z } from "zod"

const Machine = z.record(z.string(), z.array(z.string()))

/**
 * Which states follow which: of an order, of its payments, of what was sent of it, of a parcel, of a return, and of a
 * subscription.
 */
export const StateMachines = z
  .object({
    order: Machine,
    payment: Machine,
    fulfilment: Machine,
    parcel: Machine,
    return: Machine,
    subscription: Machine,
    final: z.array(z.string()).meta({ description: "States of an order that nothing follows" }),
  })
  .meta({ id: "StateMachines" })
export type StateMachines = z.infer<typeof StateMachines>
