/** What the shop and the gateways know each other by: nothing here opens anything else. */
export function credentialsOf(shop: string) {
  const notificationUrl = `${shop}/api/v1/payments/webhooks/square`
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
      notificationUrl,
    },
  }
}

export type Credentials = ReturnType<typeof credentialsOf>
