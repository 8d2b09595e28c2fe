import type { Ctx } from "#context.ts"
import { fulfilmentTransitions } from "#modules/orders/fulfilment.ts"
import { returnTransitions } from "#modules/orders/return-status.ts"
import { parcelTransitions, transitions } from "#modules/orders/status.ts"
import { paymentTransitions } from "#modules/payments/status.ts"
import { subscriptionTransitions } from "#modules/subscriptions/status.ts"

import type { StateMachines } from "./states-model.ts"

/** Which states follow which, by the tables that the shop itself goes by. */
export const stateMachines: (ctx: Ctx) => StateMachines = () => {
  const order = tableOf(transitions)
  return {
    order,
    payment: tableOf(paymentTransitions),
    fulfilment: tableOf(fulfilmentTransitions),
    parcel: tableOf(parcelTransitions),
    return: tableOf(returnTransitions),
    subscription: tableOf(subscriptionTransitions),
    final: Object.keys(order).filter((state) => order[state]?.length === 0),
  }
}

function tableOf(table: Record<string, readonly string[]>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(table).map(([from, to]) => [from, [...to]]))
}
