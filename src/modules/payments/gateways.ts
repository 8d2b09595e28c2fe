import type { Ctx } from "#context.ts"

import type { Gateway } from "./gateway.ts"
import { fake } from "./gateways/fake.ts"
import { type ChosenMethod, chosenMethods, isGateway } from "./method.ts"

/** The gateway of this name, where it is set up; `undefined` for what is none. */
export function gatewayOf({ config }: Ctx, name: string): Gateway | undefined {
  const { fake: settings } = config.payments
  return name === "fake" && settings ? fake(settings) : undefined
}

/** The methods that can be chosen now: those without a gateway, and the gateways that are set up. */
export function offered(ctx: Ctx): ChosenMethod[] {
  return chosenMethods.filter((method) => !isGateway(method) || gatewayOf(ctx, method))
}
