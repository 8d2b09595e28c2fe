import type { PaymentsConfig } from "#config.ts"
import type { Ctx } from "#context.ts"

import type { Gateway } from "./gateway.ts"
import { fake } from "./gateways/fake.ts"
import { paypal } from "./gateways/paypal.ts"
import { square } from "./gateways/square.ts"
import { stripe } from "./gateways/stripe.ts"
import { type ChosenMethod, chosenMethods, type GatewayName, isGateway } from "./method.ts"

/** One of each for a configuration: PayPal's keeps an access token. */
const made = new WeakMap<PaymentsConfig, Partial<Record<GatewayName, Gateway>>>()

function gatewaysOf(config: PaymentsConfig): Partial<Record<GatewayName, Gateway>> {
  const known = made.get(config)
  if (known) return known
  const gateways = {
    ...(config.stripe && { stripe: stripe(config.stripe) }),
    ...(config.paypal && { paypal: paypal(config.paypal) }),
    ...(config.square && { square: square(config.square) }),
    ...(config.fake && { fake: fake(config.fake) }),
  }
  made.set(config, gateways)
  return gateways
}

/** The gateway of this name, where it is set up; `undefined` for what is none. */
export function gatewayOf({ config }: Ctx, name: string): Gateway | undefined {
  return isGateway(name) ? gatewaysOf(config.payments)[name] : undefined
}

/** The methods that can be chosen now: those without a gateway, and the gateways that are set up. */
export function offered(ctx: Ctx): ChosenMethod[] {
  return chosenMethods.filter((method) => !isGateway(method) || gatewayOf(ctx, method))
}
