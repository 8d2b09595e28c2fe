import type { Behaviour, Rule } from "./behaviour.ts"
import { badCard, goodCard } from "./cards.ts"
import type { Asked, GatewayName, Party, Said } from "./party.ts"

type World = { parties: Record<GatewayName, Party>; waiting: number }

/**
 * What whoever tests may do, by POST with a JSON body; `gateway` names one of them, absent: all.
 * GET `/__ledger`: payments and totals by gateway and currency, minor units.
 * `/__behaviour` `{ gateway?, …Behaviour }`. `/__script` `{ gateway?, rules }`.
 * `/__pay` `{ client_secret | redirect_url | id, card? , decline? }`: the payer of it pays; without any, of all that is open.
 * `/__refunds` `{ gateway?, status }`: those on their way arrive or fail. `/__dispute` `{ gateway, id, outcome? }`.
 */
export function administer({ parties, waiting }: World, { path, text }: Asked): Said {
  const body = text === "" ? {} : JSON.parse(text)
  const { gateway } = body as { gateway?: GatewayName }
  const chosen = gateway === undefined ? Object.values(parties) : [parties[gateway]]
  const acts: Record<string, () => unknown> = {
    "/__ledger": () => ({}),
    "/__behaviour": () => {
      const { gateway: _, ...change } = body
      for (const party of chosen) party.behave(change as Partial<Behaviour>)
    },
    "/__script": () => {
      for (const party of chosen) party.script(body.rules as Rule[])
    },
    "/__pay": () => pay(chosen, body),
    "/__refunds": () => {
      for (const party of chosen) party.settleRefunds(body.status ?? "succeeded")
    },
    "/__dispute": () => {
      for (const party of chosen) if (party.bill(body.id)) party.dispute(body.id, body.outcome)
    },
  }
  const act = acts[path]
  if (!act) return { status: 404, body: { error: `there is no ${path}` } }
  const did = act()
  const books = Object.entries(parties).map(([name, party]) => [name, party.books()])
  return { status: 200, body: { waiting, did, ...Object.fromEntries(books) } }
}

/** The payer of one payment pays, or the payers of all that are open; answers the failures, by what was paid. */
function pay(chosen: Party[], body: Record<string, any>): Record<string, string | null> {
  const { client_secret: secret, redirect_url: url } = body
  const ref: string | undefined =
    body["id"] ??
    (secret === undefined ? undefined : String(secret).replace(/_secret.*$/, "")) ??
    (url === undefined
      ? undefined
      : (new URL(url).searchParams.get("token") ?? new URL(url).pathname.split("/").at(-1)))
  const card = body["card"] ?? (body["decline"] ? badCard : goodCard)
  const paid: Record<string, string | null> = {}
  for (const party of chosen)
    for (const one of ref === undefined ? open(party) : [ref])
      if (party.bill(one)?.isOpen) paid[one] = party.pay(one, String(card)).failure
  return paid
}

function open(party: Party): string[] {
  return party.bills().filter((ref) => party.bill(ref)?.isOpen)
}
