import { rows } from "./shop.ts"

/** What the books say of a reference by account, debits less credits; what comes to nothing is left out. */
export async function booksOf(reference: string): Promise<Record<string, number>> {
  const found = await rows<{ account: string; balance: number }>(
    `SELECT account, sum(amount) AS balance FROM (
       SELECT debit AS account, amount FROM ledger_transfers WHERE reference = ?1
       UNION ALL SELECT credit, -amount FROM ledger_transfers WHERE reference = ?1
     ) GROUP BY account HAVING sum(amount) <> 0`,
    reference,
  )
  return Object.fromEntries(found.map(({ account, balance }) => [account, balance]))
}
