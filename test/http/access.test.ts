import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, it } from "vitest"

import type { Role } from "#actor.ts"

import { type Answer, call } from "../support/api.ts"
import * as make from "../support/make.ts"
import { person, secret } from "../support/people.ts"
import { plan, subscribe } from "../support/subscriptions.ts"
import {
  exampleOf,
  expectProblem,
  filled,
  type Operation,
  operations,
  send,
} from "../support/wire.ts"

/** Who calls, in the order of the table's columns. */
const callers = ["anonymous", "customer", "staff", "admin"] as const
type Caller = (typeof callers)[number]
type Outcome = "refused 401" | "refused 403" | "let through"

const through = "let through"
const everybody: Outcome[] = [through, through, through, through]
const signedIn: Outcome[] = ["refused 401", through, through, through]
const staffOnly: Outcome[] = ["refused 401", "refused 403", through, through]
const adminOnly: Outcome[] = ["refused 401", "refused 403", "refused 403", through]

/** api.md 1.10: every operation, and who is let through. An operation that is not here fails. */
const table: Record<string, Outcome[]> = {
  register: everybody,
  login: everybody,
  refreshTokens: everybody,
  verifyToken: everybody,
  logout: signedIn,
  logoutAll: signedIn,
  getAuthStatus: everybody,
  getMe: signedIn,
  replaceMe: signedIn,
  updateMe: signedIn,
  listProducts: everybody,
  searchProducts: everybody,
  suggestProducts: everybody,
  listSynonyms: staffOnly,
  createSynonym: staffOnly,
  getSynonym: staffOnly,
  replaceSynonym: staffOnly,
  updateSynonym: staffOnly,
  deleteSynonym: staffOnly,
  rebuildIndex: staffOnly,
  getIndexStatus: staffOnly,
  listFeaturedProducts: everybody,
  listLatestProducts: everybody,
  getProduct: everybody,
  createProduct: staffOnly,
  replaceProduct: staffOnly,
  updateProduct: staffOnly,
  deleteProduct: staffOnly,
  listVariants: everybody,
  listRelatedProducts: everybody,
  listRecommendations: signedIn,
  getVariant: everybody,
  createVariant: staffOnly,
  replaceVariant: staffOnly,
  updateVariant: staffOnly,
  deleteVariant: staffOnly,
  listImages: everybody,
  addImage: staffOnly,
  orderImages: staffOnly,
  updateImage: staffOnly,
  deleteImage: staffOnly,
  getAvailability: everybody,
  listCategories: everybody,
  getCategoryTree: everybody,
  getCategory: everybody,
  listSubcategories: everybody,
  listCategoryProducts: everybody,
  createCategory: staffOnly,
  replaceCategory: staffOnly,
  updateCategory: staffOnly,
  deleteCategory: staffOnly,
  listBrands: everybody,
  getBrand: everybody,
  createBrand: staffOnly,
  replaceBrand: staffOnly,
  updateBrand: staffOnly,
  deleteBrand: staffOnly,
  importCategories: staffOnly,
  importProducts: staffOnly,
  exportCategories: staffOnly,
  exportProducts: staffOnly,
  listImports: staffOnly,
  getImport: staffOnly,
  getImportReport: staffOnly,
  cancelImport: staffOnly,
  listPromotions: staffOnly,
  createPromotion: staffOnly,
  getPromotion: staffOnly,
  replacePromotion: staffOnly,
  updatePromotion: staffOnly,
  deletePromotion: staffOnly,
  listPromotionCodes: staffOnly,
  createPromotionCodes: staffOnly,
  listOfferedCurrencies: everybody,
  listCurrencies: staffOnly,
  createCurrency: staffOnly,
  getCurrency: staffOnly,
  updateCurrency: staffOnly,
  deleteCurrency: staffOnly,
  setExchangeRate: staffOnly,
  listExchangeRates: staffOnly,
  listPriceLists: staffOnly,
  createPriceList: staffOnly,
  getPriceList: staffOnly,
  updatePriceList: staffOnly,
  deletePriceList: staffOnly,
  listPriceListEntries: staffOnly,
  setPriceListEntries: staffOnly,
  listTaxRates: staffOnly,
  createTaxRate: staffOnly,
  getTaxRate: staffOnly,
  updateTaxRate: staffOnly,
  deleteTaxRate: staffOnly,
  listShippingZones: staffOnly,
  createShippingZone: staffOnly,
  getShippingZone: staffOnly,
  updateShippingZone: staffOnly,
  deleteShippingZone: staffOnly,
  listShippingMethods: staffOnly,
  createShippingMethod: staffOnly,
  getShippingMethod: staffOnly,
  updateShippingMethod: staffOnly,
  deleteShippingMethod: staffOnly,
  listShippingOffers: everybody,
  adjustStock: staffOnly,
  listInventory: staffOnly,
  reconcileInventory: staffOnly,
  setStockPolicy: staffOnly,
  listStockMovements: staffOnly,
  getCart: everybody,
  updateCart: everybody,
  recoverCart: everybody,
  clearCart: everybody,
  addCartItem: everybody,
  replaceCartItem: everybody,
  updateCartItem: everybody,
  removeCartItem: everybody,
  getCartSummary: everybody,
  countCart: everybody,
  getCartTotal: everybody,
  addCartCoupon: everybody,
  removeCartCoupon: everybody,
  saveForLater: everybody,
  restoreSavedItem: everybody,
  forgetSavedItem: everybody,
  listWishlist: signedIn,
  clearWishlist: signedIn,
  addWishlistItem: signedIn,
  removeWishlistItem: signedIn,
  listAbandonedCarts: staffOnly,
  getCartStatistics: staffOnly,
  listPayments: signedIn,
  listAllPayments: staffOnly,
  listPaymentMethods: everybody,
  // A guest needs the order's token, see below.
  getPayment: signedIn,
  startPayment: signedIn,
  getGiftCardBalance: everybody,
  getStoreCredit: signedIn,
  listGiftCards: staffOnly,
  issueGiftCard: staffOnly,
  getGiftCard: staffOnly,
  updateGiftCard: staffOnly,
  adjustGiftCard: staffOnly,
  listGiftCardEntries: staffOnly,
  getUserStoreCredit: staffOnly,
  adjustStoreCredit: staffOnly,
  getLedgerBalances: staffOnly,
  getPaymentAnalytics: staffOnly,
  reconcilePayments: staffOnly,
  listReconciliations: staffOnly,
  getReconciliation: staffOnly,
  listReconciliationFindings: staffOnly,
  listLedgerTransfers: staffOnly,
  refundPayment: staffOnly,
  capturePayment: staffOnly,
  voidPayment: staffOnly,
  markPaid: staffOnly,
  receivePaymentWebhook: everybody,
  returnFromPayment: everybody,
  validateCheckout: everybody,
  quoteCheckout: everybody,
  sweep: adminOnly,
  placeOrder: everybody,
  checkoutCart: everybody,
  listOrders: signedIn,
  listOrderHistory: signedIn,
  // A guest needs the order's token, see below.
  getOrder: signedIn,
  trackOrder: signedIn,
  getOrderHistory: signedIn,
  cancelOrder: signedIn,
  deleteOrder: signedIn,
  updateOrder: signedIn,
  listFulfilments: staffOnly,
  createFulfilment: staffOnly,
  updateFulfilment: staffOnly,
  cancelFulfilment: staffOnly,
  editOrder: staffOnly,
  listOrderNotes: staffOnly,
  addOrderNote: staffOnly,
  verifyOrderHistory: adminOnly,
  setOrderStatus: staffOnly,
  listAllOrders: staffOnly,
  getOrderStatistics: staffOnly,
  getInvoice: signedIn,
  exportOrders: staffOnly,
  reorder: signedIn,
  placeManyOrders: staffOnly,
  askForReturn: signedIn,
  listReturns: signedIn,
  cancelReturn: signedIn,
  listAllReturns: staffOnly,
  getReturn: staffOnly,
  approveReturn: staffOnly,
  rejectReturn: staffOnly,
  receiveReturn: staffOnly,
  closeReturn: staffOnly,
  exchangeReturn: staffOnly,
  getPackingSlip: staffOnly,
  getStateMachines: everybody,
  listSubscriptionPlans: everybody,
  listSubscriptions: signedIn,
  startSubscription: signedIn,
  getSubscription: signedIn,
  changeSubscription: signedIn,
  pauseSubscription: signedIn,
  resumeSubscription: signedIn,
  cancelSubscription: signedIn,
  undoCancelSubscription: signedIn,
  listAllSubscriptionPlans: staffOnly,
  createSubscriptionPlan: staffOnly,
  getSubscriptionPlan: staffOnly,
  replaceSubscriptionPlan: staffOnly,
  updateSubscriptionPlan: staffOnly,
  deleteSubscriptionPlan: staffOnly,
  migrateSubscriptionPlan: staffOnly,
  listAllSubscriptions: staffOnly,
  listSavedPaymentMethods: signedIn,
  savePaymentMethod: signedIn,
  forgetPaymentMethod: signedIn,
  getInfo: everybody,
  listEndpoints: everybody,
  getAdminLinks: staffOnly,
  createApiKey: adminOnly,
  listApiKeys: adminOnly,
  revokeApiKey: adminOnly,
  listUsers: adminOnly,
  getUser: adminOnly,
  updateUser: adminOnly,
  listAudit: adminOnly,
  verifyShop: adminOnly,
  listMyAudit: signedIn,
  listSessions: signedIn,
  endSession: signedIn,
  listAddresses: signedIn,
  createAddress: signedIn,
  getDefaultAddress: signedIn,
  getAddress: signedIn,
  replaceAddress: signedIn,
  updateAddress: signedIn,
  deleteAddress: signedIn,
  setDefaultAddress: signedIn,
  exportMe: signedIn,
  eraseMe: signedIn,
  changePassword: signedIn,
  replacePassword: signedIn,
  requestPasswordReset: everybody,
  resetPassword: everybody,
  openVerificationLink: everybody,
  verifyEmail: everybody,
  resendVerification: signedIn,
  confirmEmail: everybody,
  beginOauth: everybody,
  finishOauth: everybody,
  exchangeOauthCode: everybody,
  beginOauthLink: signedIn,
  linkIdentity: signedIn,
  listIdentities: signedIn,
  unlinkIdentity: signedIn,
  getMfa: signedIn,
  enrolMfa: signedIn,
  confirmMfa: signedIn,
  disableMfa: signedIn,
  renewRecoveryCodes: signedIn,
  answerMfaChallenge: everybody,
  beginPasskey: signedIn,
  addPasskey: signedIn,
  listPasskeys: signedIn,
  removePasskey: signedIn,
  beginPasskeyLogin: everybody,
  loginWithPasskey: everybody,
}

let all: Operation[]

beforeEach(async () => {
  all = await operations()
})

/** Calls an operation as the document's examples say. */
async function attempt({ id, method, spec, path }: Operation, as: { access: string } | undefined) {
  const contents = Object.entries<any>(spec.requestBody?.content ?? {})
  const [type, media] = contents.find(([one]) => one !== "multipart/form-data") ?? []
  return send(method, filled({ id, method, spec, path }), {
    as,
    ...(type !== undefined && {
      body: (await exampleOf(media.schema)) ?? "a picture",
      headers: { "content-type": type },
    }),
  })
}

/** Only refusals of the caller count: a wrong password, or a token in a body, is an answer. */
function outcomeOf({ status, body }: Answer): string {
  if (status === 401 && body.code === "unauthenticated") return "refused 401"
  if (status === 403 && body.code === "forbidden") return "refused 403"
  return status < 500 && body?.code !== "malformed-json" ? through : `crashed: ${status}`
}

it("every operation lets through whom the table says, and nobody else", async () => {
  const actual: Record<string, string[]> = {}
  for (const operation of all) {
    const outcomes = callers.map(async (caller: Caller) => {
      const as = caller === "anonymous" ? undefined : await make.user(caller)
      return outcomeOf(await attempt(operation, as))
    })
    actual[operation.id] = await Promise.all(outcomes)
  }
  expect(actual).toEqual(table)
})

it("a key lets through what its scope says, and never where a person is needed", async () => {
  const owner = await person("admin")
  const keyOf = async (scopes: string[]) =>
    (
      await call("POST", "auth/api-keys", {
        as: owner,
        body: { name: "k", scopes, password: secret },
      })
    ).body.key as string
  const reader = await keyOf(["orders:read"])
  const outcomes: [string, string, string][] = []
  for (const operation of all.filter(
    ({ spec }) => !["open", "public"].includes(spec["x-access"]),
  )) {
    const answer = await send(operation.method, filled(operation), {
      headers: { "x-api-key": reader },
      ...(operation.method !== "GET" && { body: {} }),
    })
    const wanted = operation.spec["x-scope"] === "orders:read" ? through : "refused 403"
    outcomes.push([operation.id, wanted, outcomeOf(answer)])
  }
  expect(outcomes.filter(([, wanted, got]) => wanted !== got)).toEqual([])
  expect(outcomes.filter(([, wanted]) => wanted === through).map(([id]) => id)).toContain(
    "listAllOrders",
  )
})

it("the document says of every operation whom the table lets through", () => {
  const columns: Record<string, Outcome[]> = {
    open: everybody,
    public: everybody,
    user: signedIn,
    staff: staffOnly,
    admin: adminOnly,
  }
  // Public routes whose verbs ask a guest for the order's token.
  const byToken = [
    "getOrder",
    "trackOrder",
    "getOrderHistory",
    "cancelOrder",
    "deleteOrder",
    "updateOrder",
    "getPayment",
    "startPayment",
    "getInvoice",
    "reorder",
    "askForReturn",
    "listReturns",
    "cancelReturn",
  ]
  for (const { id, spec } of all) {
    const said = byToken.includes(id) ? "user" : spec["x-access"]
    expect([id, columns[said]]).toEqual([id, table[id]])
  }
})

it("what somebody owns is not there for another customer, on any operation that names it", async () => {
  const owner = await make.user()
  const other = await make.user()
  const product = await make.product()
  const address = { address_line_1: "12 St James's Square", city: "London", country: "GB" }
  const item = { product_id: product.id, quantity: 1 }
  const placed = await send("POST", "orders", {
    as: owner,
    body: { items: [item], shipping_address: address },
  })
  const later = await send("POST", "cart/items", { as: owner, body: item })
  const saved = await send("POST", `cart/save-for-later/${later.body.item_id}`, { as: owner })
  const filledCart = await send("POST", "cart/items", { as: owner, body: item })
  const kept = await send("POST", "users/me/addresses", { as: owner, body: address })
  await env.DB.exec("UPDATE order_lines SET fulfilled_quantity = quantity")
  const asked = await send("POST", `orders/${placed.body.id}/returns`, {
    as: owner,
    body: { lines: [{ line_id: placed.body.items[0].id, quantity: 1 }], reason: "other" },
  })
  expect(asked.status).toBe(201)
  const subscribed = await subscribe(owner, { plan: await plan(), product })
  expect(subscribed.status).toBe(201)
  const owned: Record<string, string> = {
    order: placed.body.id,
    subscription: subscribed.body.id,
    // One at the gateway: whoever has saved none there has no such method, whatever it is called.
    payment_method: "pm_1",
    return: asked.body.id,
    payment: placed.body.payment.id,
    line: filledCart.body.item_id,
    saved: saved.body.saved_items[0].id,
    // Of a coupon on somebody's cart.
    code: "WELCOME10",
    address: kept.body.id,
    session: owner.sessionId,
    // Of a passkey: nobody's is nobody's.
    id: "AAAA",
  }
  // What anybody may name: the catalogue, a provider, a link's own token.
  const common = ["product", "variant", "category", "brand", "provider", "gateway", "token"]
  const names = (path: string) => [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name)
  const ours = all.filter(({ spec }) => ["open", "public", "user"].includes(spec["x-access"]))
  const known = new Set([...common, ...Object.keys(owned)])
  expect(ours.flatMap(({ path }) => names(path)).filter((name) => !known.has(name))).toEqual([])

  const answers: [string, number][] = []
  for (const operation of ours) {
    const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => owned[name] ?? name)
    if (!names(operation.path).some((name) => name in owned)) continue
    const media = operation.spec.requestBody?.content["application/json"]
    const body = media && (await exampleOf(media.schema))
    const { status } = await send(operation.method, path, { as: other, body })
    answers.push([operation.id, status])
  }
  const removal = answers.find(([id]) => id === "removePasskey")
  expect(removal?.[1]).not.toBe(204)
  const rest = answers.filter((answer) => answer !== removal)
  expect(rest.length).toBeGreaterThanOrEqual(14)
  expect(rest.filter(([, status]) => status !== 404)).toEqual([])
})

describe("what belongs to somebody", () => {
  const address = { address_line_1: "12 St James's Square", city: "London", country: "GB" }

  /** An order of this caller. */
  async function orderOf(as: { access: string } | undefined): Promise<Answer["body"]> {
    const product = await make.product()
    const placed = await send("POST", "orders", {
      as,
      body: {
        items: [{ product_id: product.id, quantity: 1 }],
        email: "guest@nexus.test",
        shipping_address: address,
      },
    })
    expect(placed.status).toBe(201)
    return placed.body
  }

  const reads = ["", "/track", "/history"]

  it("an order is its owner's and staff's; to others it is not there", async () => {
    const [owner, other] = [await make.user(), await make.user()]
    const order = await orderOf(owner)
    for (const name of [order.id, order.order_number]) {
      for (const end of reads) {
        const path = `orders/${name}${end}`
        expect((await send("GET", path, { as: owner })).status).toBe(200)
        for (const role of ["staff", "admin"] as Role[])
          expect((await send("GET", path, { as: await make.user(role) })).status).toBe(200)
        expectProblem(await send("GET", path, { as: other }), 404, "not-found")
        expectProblem(await send("GET", path), 401, "unauthenticated")
      }
      expectProblem(await send("POST", `orders/${name}/cancel`, { as: other }), 404, "not-found")
      expectProblem(await send("DELETE", `orders/${name}`, { as: other }), 404, "not-found")
    }
    const unknown = await send("GET", "orders/NX-20260101-AAAAAAAA", { as: other })
    const foreign = await send("GET", `orders/${order.order_number}`, { as: other })
    expect(unknown.body.detail).toBe(foreign.body.detail)
    expect((await send("GET", "orders", { as: other })).body.count).toBe(0)
    expect((await send("GET", `orders/${order.id}`, { as: owner })).body.status).toBe("pending")
  })

  it("a guest's order opens with its own token only", async () => {
    const [order, another] = [await orderOf(undefined), await orderOf(undefined)]
    const open = (token: string, end: string) =>
      send("GET", `orders/${order.id}${end}`, { headers: { "x-order-token": token } })
    for (const end of reads) {
      expect((await open(order.access_token, end)).status).toBe(200)
      for (const token of [another.access_token, "x".repeat(43)])
        expectProblem(await open(token, end), 404, "not-found")
      for (const token of ["", "short", "null"])
        expectProblem(await open(token, end), 401, "unauthenticated")
      const customer = await make.user()
      expectProblem(
        await send("GET", `orders/${order.id}${end}`, { as: customer }),
        404,
        "not-found",
      )
    }
  })

  it("a line of somebody else's cart is no line", async () => {
    const [owner, other] = [await make.user(), await make.user()]
    const product = await make.product()
    const body = { product_id: product.id, quantity: 2 }
    const { item_id: line } = (await send("POST", "cart/items", { as: owner, body })).body
    await send("POST", "cart/items", { as: other, body })
    const path = `cart/items/${line}`
    for (const as of [other, undefined, await make.user("admin")]) {
      for (const method of ["PUT", "PATCH"]) {
        const answer = await send(method, path, { as, body: { quantity: 1 } })
        expectProblem(answer, 404, "not-found")
      }
      expectProblem(await send("DELETE", path, { as }), 404, "not-found")
    }
    expect((await send("GET", "cart", { as: owner })).body.total_items).toBe(2)
  })

  it("a cart token opens its cart for whoever has it, and nobody else's", async () => {
    const product = await make.product()
    const filledCart = await send("POST", "cart/items", { body: { product_id: product.id } })
    const token = filledCart.headers.get("x-cart-token") ?? ""
    const look = async (headers: Record<string, string>) =>
      (await send("GET", "cart", { headers })).body.total_items
    expect(await look({ "x-cart-token": token })).toBe(1)
    expect(await look({ cookie: `cart_token=${token}` })).toBe(1)
    for (const other of ["", "x".repeat(43), token.slice(1), `${token}x`])
      expect(await look({ "x-cart-token": other })).toBe(0)
    // Whoever signs in with it has it.
    const customer = await make.user()
    const answer = await send("GET", "cart", { as: customer, headers: { "x-cart-token": token } })
    expect(answer.body.total_items).toBe(1)
    expect(await look({ "x-cart-token": token })).toBe(0)
  })

  it("a draft is there for staff only", async () => {
    const product = await make.product({ name: "Secret", status: "draft" })
    for (const path of [`products/${product.id}`, "products/secret"]) {
      for (const as of [undefined, await make.user()])
        expectProblem(await send("GET", path, { as }), 404, "not-found")
      expect((await send("GET", path, { as: await make.user("staff") })).status).toBe(200)
    }
    for (const as of [undefined, await make.user()])
      expect((await send("GET", "products?status=draft", { as })).body.results ?? []).toEqual([])
  })
})

it("401 and 403 come before the body is read: nobody learns a shape they may not use", async () => {
  const customer = await make.user()
  const broken = { body: "{", headers: { "content-type": "application/json" } }
  expectProblem(await send("POST", "products", broken), 401, "unauthenticated")
  expectProblem(await send("POST", "products", { ...broken, as: customer }), 403, "forbidden")
  expectProblem(
    await send("POST", "products", { body: "x".repeat(2_000_000), as: customer }),
    403,
    "forbidden",
  )
})
