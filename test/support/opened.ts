/** An order that was just placed. */
type Placed = { created_at: string; total: string; payment?: unknown; access_token?: unknown }

/**
 * What GET answers, exactly, of an order that was just placed with one payment by hand: the order as it was placed, and
 * what only the order itself tells.
 */
export function opened(placed: Placed, explain: [kind: string, detail: string, amount: string][]) {
  const { payment, access_token: _token, ...order } = placed
  const { id, provider } = payment as { id: string; provider: string }
  return {
    ...order,
    payments: [
      {
        id,
        provider,
        status: "unpaid",
        amount: order.total,
        captured: "0.00",
        refunded: "0.00",
        created_at: order.created_at,
        updated_at: order.created_at,
      },
    ],
    fulfilments: [],
    public_notes: [],
    explain: explain.map(([kind, detail, amount]) => ({ kind, detail, amount })),
  }
}
