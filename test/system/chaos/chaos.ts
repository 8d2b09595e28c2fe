import { setTimeout as sleep } from "node:timers/promises"

import { type Gateways, startGateways } from "../../support/gateways/server.ts"
import {
  client,
  freePort,
  newFolder,
  type Server,
  startServer,
  varsOf,
} from "../../support/server.ts"
import { atRest, examine } from "./examine.ts"
import { act } from "./people.ts"
import { randomOf } from "./random.ts"
import { open, type Outcome, type Plan, stayIn, tick } from "./shop.ts"

/** How the gateways behave while shoppers shop. */
const bad = {
  decline: 0.05,
  dropBefore: 0.05,
  dropAfter: 0.05,
  refuse: 0.05,
  delayMs: 200,
  slow: 0.05,
  duplicate: 0.2,
  lose: 0.1,
  lateMs: 3000,
  early: 0.2,
  forge: 0.05,
  drift: 0.02,
  refuseRefunds: 0.05,
}
/** And once they have gone home. */
const good = Object.fromEntries(Object.keys(bad).map((name) => [name, 0]))

/** Many tries are refused, for some goods are nearly always short: beyond this the shop takes no orders any more. */
const mostTries = (orders: number) => 10 * orders

/**
 * Lets shoppers and staff loose on a shop whose payment gateways misbehave and whose server is killed every few seconds,
 * then waits until it has come to rest and looks whether anything is not as it should be.
 */
export async function chaos(plan: Plan): Promise<Outcome> {
  const persistTo = newFolder()
  const outcome: Outcome = { orders: 0, refused: {}, deaths: 0, actions: {}, done: {}, wrong: [] }
  const port = await freePort()
  const gateways = await startGateways({
    shop: `http://localhost:${port}`,
    behaviour: { ...bad, seed: plan.seed },
  })
  const settings = {
    ...gateways.settings,
    PENDING_ORDER_TTL: "60",
    REFUND_RETRY: "20",
    ACCESS_TOKEN_TTL: "3600",
  }
  const flags = ["--no-demo", ...varsOf(settings)]
  let server: Server = await startServer({ flags, persistTo, port })
  const call = client(server.base)
  const random = randomOf(plan.seed)
  const shop = await open({ call, plan, gateways, random, outcome })

  let isOver = false
  const reaper = (async () => {
    while (!isOver) {
      await sleep(plan.killEveryMs + random.whole(plan.killEveryMs))
      if (isOver) return
      await server.kill()
      outcome.deaths += 1
      server = await startServer({ flags, persistTo, port })
    }
  })()
  const clock = (async () => {
    while (!isOver) {
      await sleep(5000)
      await tick(call)
      await stayIn(shop)
      // Some refunds take a while, and a few of these come back.
      for (const party of Object.values(gateways.parties)) {
        party.settleRefunds(random.chance(0.1) ? "failed" : "succeeded")
        party.behave({ pendingRefunds: random.chance(0.3) })
      }
      gateways.tell()
    }
  })()
  let tries = 0
  await Promise.all(
    Array.from({ length: plan.shoppers }, async (_, shopper) => {
      while (outcome.orders < plan.orders && tries < mostTries(plan.orders)) {
        tries += 1
        if (tries % 100 === 0)
          plan.log(`${outcome.orders} orders of ${tries} tries, ${outcome.deaths} deaths`)
        await act(shop, `${plan.seed}-${shopper}-${tries}`).catch((error: unknown) =>
          outcome.wrong.push(String(error)),
        )
      }
    }),
  )
  if (outcome.orders < plan.orders)
    outcome.wrong.push(`only ${outcome.orders} of ${plan.orders} orders could be placed`)
  isOver = true
  await Promise.all([reaper, clock])

  plan.log("everybody has gone home")
  goHome(gateways)
  await atRest(shop)
  await examine(shop)
  await server.stop()
  await gateways.close()
  return outcome
}

/** From now on the gateways behave; what is on its way arrives, and banks decide what is disputed. */
function goHome(gateways: Gateways): void {
  gateways.behave({ ...good, pendingRefunds: false })
  for (const party of Object.values(gateways.parties)) {
    party.settleRefunds("succeeded")
    for (const { id, disputed } of party.books().payments)
      if (disputed > 0) party.dispute(id, id.length % 2 === 0 ? "won" : "lost")
  }
  gateways.tell()
}
