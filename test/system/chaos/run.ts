import { parseArgs } from "node:util"

import type { GatewayName } from "../../support/gateways/party.ts"
import { cleanUp } from "../../support/server.ts"
import { chaos } from "./chaos.ts"

/**
 * `npm run chaos -- [--orders 10000] [--seed 1] [--shoppers 64] [--kill-every 8000] [--gateways stripe,paypal]`: exit
 * status 1 when anything is wrong.
 */
const { values } = parseArgs({
  options: {
    orders: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    shoppers: { type: "string", default: "64" },
    "kill-every": { type: "string", default: "8000" },
    gateways: { type: "string", default: "stripe,paypal,square,fake" },
  },
})
try {
  const outcome = await chaos({
    orders: Number(values.orders),
    seed: Number(values.seed),
    shoppers: Number(values.shoppers),
    killEveryMs: Number(values["kill-every"]),
    gateways: values.gateways.split(",") as GatewayName[],
    log: (line) => console.log(`${new Date().toISOString().slice(11, 19)} ${line}`),
  })
  console.log(JSON.stringify({ ...outcome, wrong: outcome.wrong.length }, null, 2))
  for (const line of outcome.wrong) console.error(line)
  process.exitCode = outcome.wrong.length === 0 ? 0 : 1
} finally {
  await cleanUp()
}
