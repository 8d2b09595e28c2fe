import { describe, expect, it } from "vitest"

import * as account from "#modules/notifications/templates/account.ts"
import * as credit from "#modules/notifications/templates/credit.ts"
import * as subscription from "#modules/notifications/templates/subscription.ts"

const told = { plan: "Monthly", items: [{ name: "Coffee", quantity: 2 }], amount: "20.00 USD" }
const facts = [
  ["Subscription", "Monthly"],
  ["Coffee", "× 2"],
  ["Each period", "20.00 USD"],
]

describe("a letter about a subscription that could not be charged", () => {
  const failed = (given: { reason?: string; day?: string; url?: string }) =>
    subscription.paymentFailed(told, { reason: "declined", order: "NX-1", ...given })

  it("says when it is tried again, and where to pay before", () => {
    expect(failed({ day: "2026-12-01", url: "https://shop.test/pay" })).toEqual({
      subject: "We could not charge your subscription",
      opening: ["The payment of your subscription did not go through."],
      facts: [...facts, ["Order", "NX-1"], ["Next try", "2026-12-01"]],
      action: { label: "Pay the order", url: "https://shop.test/pay" },
      closing: ["Pay it yourself, or change your payment method before the next try."],
    })
  })

  it("says that it is not tried again, and links to nothing that cannot be paid", () => {
    const letter = failed({})
    expect(letter.facts).toEqual([...facts, ["Order", "NX-1"]])
    expect(letter.closing).toEqual(["We will not try again by ourselves."])
    expect(letter).not.toHaveProperty("action")
  })

  it("says that the bank wants its customer", () => {
    expect(failed({ reason: "authentication_required" }).opening).toEqual([
      "Your bank wants you to confirm the payment of your subscription yourself.",
    ])
  })
})

describe("a letter about a subscription whose order could not be placed", () => {
  it.each<[{ isShort: boolean; day?: string }, string, string, string]>([
    [
      { isShort: true, day: "2026-12-01" },
      "Your subscription has to wait",
      "What you subscribed to is out of stock at the moment. Nothing was charged.",
      "We try again by ourselves: there is nothing to do.",
    ],
    [
      { isShort: true },
      "Your subscription has to wait",
      "What you subscribed to is out of stock at the moment. Nothing was charged.",
      "This period is left out, and costs nothing. The next one comes as usual.",
    ],
    [
      { isShort: false },
      "Your subscription could not be renewed",
      "The next order of your subscription could not be placed. Nothing was charged.",
      "Please look at its address and payment method.",
    ],
    [
      { isShort: false, day: "2026-12-01" },
      "Your subscription could not be renewed",
      "The next order of your subscription could not be placed. Nothing was charged.",
      "We try again by ourselves: there is nothing to do.",
    ],
  ])("%j", (given, subject, opening, closing) => {
    expect(subscription.notRenewed(told, given)).toEqual({
      subject,
      opening: [opening],
      facts: given.day ? [...facts, ["Next try", given.day]] : facts,
      closing: [closing],
    })
  })

  it("that is over says why, unless its customer wished it", () => {
    expect(subscription.cancelled(told, "It was not paid.").facts).toEqual([
      ...facts,
      ["Why", "It was not paid."],
    ])
    expect(subscription.cancelled(told, "").facts).toEqual(facts)
  })
})

describe("a letter", () => {
  it("with a gift card has its message and its last day where there are any", () => {
    const card = { code: "ABCD-EFGH", amount: "25.00 USD", message: "", expiresAt: null }
    const plain = [
      ["Code", "ABCD-EFGH"],
      ["Amount", "25.00 USD"],
    ]
    expect(credit.giftCard(card).facts).toEqual(plain)
    expect(
      credit.giftCard({ ...card, message: "Enjoy!", expiresAt: "2027-11-20T00:00:00.000Z" }).facts,
    ).toEqual([["Message", "Enjoy!"], ...plain, ["Until", "2027-11-20"]])
  })

  it("about a new device says that it knows neither device nor place", () => {
    expect(account.newDevice({ device: "", place: "" }).facts).toEqual([
      ["Device", "unknown"],
      ["Network", "unknown"],
    ])
    expect(account.newDevice({ device: "Firefox", place: "192.0.2.0/24" }).facts).toEqual([
      ["Device", "Firefox"],
      ["Network", "192.0.2.0/24"],
    ])
  })
})
