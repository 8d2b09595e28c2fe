/** What the shop and the gateways know each other by: nothing here opens anything else. */
export function credentialsOf(shop: string) {
  return {
    fake: { secret: "a secret of the fake gateway" },
    stripe: { secretKey: "sk_test_nexus_fake", webhookSecret: "whsec_nexus_fake" },
    paypal: {
      clientId: "nexus-fake-client",
      clientSecret: "nexus-fake-client-secret",
      webhookId: "WH-NEXUS-FAKE",
    },
    square: {
      accessToken: "nexus-fake-square-token",
      locationId: "LNEXUSFAKE",
      signatureKey: "nexus-fake-square-key",
      notificationUrl: `${shop}/api/v1/payments/webhooks/square`,
    },
  }
}

export type Credentials = ReturnType<typeof credentialsOf>

/** The same as settings of a shop that is to pay at these gateways, which are reached at `url`. */
export function settingsOf(
  url: string,
  { fake, stripe, paypal, square }: Credentials,
): Record<string, string> {
  return {
    CARD_GATEWAY: "stripe",
    FAKE_GATEWAY_URL: `${url}/fake`,
    FAKE_GATEWAY_SECRET: fake.secret,
    STRIPE_API_URL: url,
    STRIPE_SECRET_KEY: stripe.secretKey,
    STRIPE_WEBHOOK_SECRET: stripe.webhookSecret,
    PAYPAL_API_URL: url,
    PAYPAL_CLIENT_ID: paypal.clientId,
    PAYPAL_CLIENT_SECRET: paypal.clientSecret,
    PAYPAL_WEBHOOK_ID: paypal.webhookId,
    SQUARE_API_URL: url,
    SQUARE_ACCESS_TOKEN: square.accessToken,
    SQUARE_LOCATION_ID: square.locationId,
    SQUARE_WEBHOOK_KEY: square.signatureKey,
  }
}
