import { expect, it, type TestContext } from "vitest"

import { createCtx } from "#context.ts"
import { renewDue } from "#modules/subscriptions/renewals.ts"

import { emptied, type Fault, faultsOf, runWith, told } from "../support/crash-points.ts"
import { ctx } from "../support/ctx.ts"
import { type FakeGateway, standUp } from "../support/gateways/fake-fetch.ts"
import * as make from "../support/make.ts"
import { openEvents, settleAll, stockOf } from "../support/shop.ts"
import {
  clock,
  cron,
  plan,
  renewals,
  savedMethod,
  standing,
  subscribe,
} from "../support/subscriptions.ts"

/** A subscription whose second period begins, charged to a saved method; the third day of March is far from the next. */
async function world() {
  clock("2099-01-31T12:00:00.000Z")
  const gateway = standUp({ payAtOnce: true })
  const customer = await make.user()
  const product = await make.product({ stock_quantity: 5 })
  await savedMethod(customer, gateway)
  const { body } = await subscribe(customer, {
    plan: await plan(),
    product,
    payment_method: "fake",
  })
  await settleAll()
  gateway.events.splice(0)
  return { gateway, product, id: body.id as string }
}

/** One sweep, a minute after the period has begun, with bindings that may go wrong. */
function attempt(fault?: Fault) {
  clock("2099-02-28T12:01:00.000Z")
  return runWith(fault, async (bindings, execution) => {
    const defer = (work: Promise<unknown>) => execution.waitUntil(work)
    await renewDue(createCtx(bindings, { actor: { type: "system" }, defer }))
    return undefined
  })
}

/** What happens by itself afterwards: leases and holds lapse, sweeps and webhooks come. */
async function recover(gateway: FakeGateway): Promise<void> {
  for (const time of ["12:04", "12:10", "12:30"]) {
    clock(`2099-02-28T${time}:00.000Z`)
    await renewDue(ctx())
    await settleAll()
  }
  await gateway.send()
  await settleAll()
  clock("2099-02-28T14:30:00.000Z")
  await cron()
}

it(
  "a renewal has exactly one order and one charge, wherever it fails or the process dies",
  { timeout: 600_000 },
  async ({ annotate }: TestContext) => {
    const rehearsal = await world()
    const { calls } = await attempt()
    await recover(rehearsal.gateway)
    const faults = faultsOf(calls)
    expect(faults.length).toBeGreaterThan(60)
    await annotate(`${faults.length} faults in ${calls.length} calls`)
    for (const fault of faults) {
      const where = told(fault, calls)
      await emptied()
      const { gateway, product, id } = await world()
      await attempt(fault)
      await recover(gateway)
      expect([
        where,
        (await renewals(id)).map((one) => [one.period, one.status, one.starts]),
      ]).toEqual([
        where,
        [
          [1, "paid", "2099-01-31"],
          [2, "paid", "2099-02-28"],
        ],
      ])
      expect([where, await standing(id)]).toMatchObject([
        where,
        { status: "active", period: 2, cycles: 2, order_id: null, failure: null },
      ])
      expect([where, gateway.ledger.totals(), await stockOf(product.id)]).toEqual([
        where,
        { captured: 1800, refunded: 0 },
        { onHand: 3, held: 0, available: 3 },
      ])
      expect([where, await openEvents()]).toEqual([where, []])
    }
  },
)
