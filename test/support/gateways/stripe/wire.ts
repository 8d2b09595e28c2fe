/** Parameters as Stripe reads them: nested by brackets, every value a text. */
export type Params = Record<string, any>

/** An error in Stripe's words. `isStored`: it is the answer to its idempotency key from now on. */
export class Refusal extends Error {
  readonly status: number
  readonly error: Record<string, unknown>
  readonly isStored: boolean
  constructor(status: number, error: Record<string, unknown>, isStored = true) {
    super(String(error["message"]))
    this.status = status
    this.error = error
    this.isStored = isStored
  }
}

/** A request that is refused before anything was looked at: its key stays free. */
export function invalid(message: string, param?: string, code?: string): Refusal {
  const error = { type: "invalid_request_error", message, ...(param && { param }) }
  return new Refusal(400, { ...error, ...(code && { code }) }, false)
}

export function missing(kind: string, id: string, param = "id"): Refusal {
  const message = `No such ${kind}: '${id}'`
  return new Refusal(404, {
    type: "invalid_request_error",
    code: "resource_missing",
    message,
    param,
  })
}

/** `a[b][0][c]=x&expand[]=y` as an object. */
export function paramsOf(text: string): Params {
  const params: Params = {}
  for (const [name, value] of new URLSearchParams(text)) {
    const steps = [...name.matchAll(/[^[\]]+|\[\]/g)].map(([step]) => step)
    let at: any = params
    for (const [n, step] of steps.entries()) {
      const key = step === "[]" ? at.length : step
      if (n === steps.length - 1) at[key] = value
      else at = at[key] ??= /^(?:\[\]|0)$/.test(steps[n + 1] ?? "") ? [] : {}
    }
  }
  return params
}

/** @throws Refusal for parameters that Stripe does not know there, as Stripe does */
export function only(params: Params, names: string): void {
  const known = new Set(names.split(" "))
  for (const name of Object.keys(params))
    if (!known.has(name) && name !== "expand")
      throw invalid(`Received unknown parameter: ${name}`, name, "parameter_unknown")
}

export function required(params: Params, name: string): string {
  const value = params[name]
  if (value === undefined || value === "")
    throw invalid(`Missing required param: ${name}.`, name, "parameter_missing")
  return value
}

export function wholeOf(value: string, param: string): number {
  if (!/^-?\d+$/.test(value))
    throw invalid(`Invalid integer: ${value}`, param, "parameter_invalid_integer")
  return Number(value)
}

const withoutDecimals = /^(?:bif|clp|djf|gnf|jpy|kmf|krw|mga|pyg|rwf|vnd|vuv|xaf|xof|xpf)$/
const withThree = /^(?:bhd|jod|kwd|omr|tnd)$/

/** An amount to be charged (docs.stripe.com/currencies). @throws Refusal when it cannot be */
export function chargeable(value: string, currency: string): number {
  const amount = wholeOf(value, "amount")
  if (amount < 1)
    throw invalid(
      "This value must be greater than or equal to 1.",
      "amount",
      "parameter_invalid_integer",
    )
  if (amount > 99_999_999)
    throw invalid("Amount must be no more than $999,999.99", "amount", "amount_too_large")
  if (!/^[a-z]{3}$/.test(currency)) throw invalid(`Invalid currency: ${currency}.`, "currency")
  if (/^(?:isk|ugx)$/.test(currency) && amount % 100 !== 0)
    throw invalid(
      "Invalid amount: it must be divisible by 100.",
      "amount",
      "invalid_charge_amount_no_decimal_compatible",
    )
  if (withThree.test(currency) && amount % 10 !== 0)
    throw invalid("The last digit of the amount must be 0.", "amount", "parameter_invalid_integer")
  if (amount < (withoutDecimals.test(currency) ? 50 : withThree.test(currency) ? 500 : 50))
    throw invalid("Amount must convert to at least 50 cents.", "amount", "amount_too_small")
  return amount
}

/** What `null`, text and numbers of `metadata` become: an empty text deletes its key. */
export function metadataOf(before: Record<string, string>, given: unknown): Record<string, string> {
  if (given === "") return {}
  const merged = { ...before, ...(given as Record<string, string> | undefined) }
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== ""))
}

/** A page of rows, newest first, as Stripe's lists are: `limit`, `starting_after`, `ending_before`, `created`. */
export function listOf(url: string, rows: any[], params: Params): unknown {
  const limit = params["limit"] === undefined ? 10 : wholeOf(params["limit"], "limit")
  if (limit < 1 || limit > 100)
    throw invalid("Limit must be between 1 and 100.", "limit", "parameter_invalid_integer")
  const created = params["created"] ?? {}
  const within = (at: number) =>
    typeof created === "string"
      ? at === Number(created)
      : at > Number(created.gt ?? -1) &&
        at >= Number(created.gte ?? 0) &&
        at < Number(created.lt ?? Infinity) &&
        at <= Number(created.lte ?? Infinity)
  const all = rows.filter((row) => within(row.created)).toReversed()
  const after = params["starting_after"]
  const before = params["ending_before"]
  const place = (id: string) => {
    const found = all.findIndex((row) => row.id === id)
    if (found < 0) throw missing("object", id, "starting_after")
    return found
  }
  if (before !== undefined) {
    const end = place(before)
    const data = all.slice(Math.max(0, end - limit), end)
    return { object: "list", url, has_more: end > limit, data }
  }
  const start = after === undefined ? 0 : place(after) + 1
  return {
    object: "list",
    url,
    has_more: all.length > start + limit,
    data: all.slice(start, start + limit),
  }
}

/** `metadata['order']:'ord_1' AND status:"succeeded"` (docs.stripe.com/search), over the fields that are used. */
export function searched(url: string, rows: any[], params: Params): unknown {
  const clauses = required(params, "query").split(/\s+AND\s+/i)
  const holds = clauses.map((clause) => {
    const [, field = "", inner, sign, value = ""] =
      /^\s*(\w+)(?:\[["'](.+?)["']\])?\s*(:|[<>]=?)\s*["']?(.*?)["']?\s*$/.exec(clause) ?? []
    if (!/^(?:metadata|status|amount|currency|customer|created)$/.test(field))
      throw invalid(`Field \`${field}\` is an unsupported search field.`, "query")
    return (row: any) => {
      const found = inner === undefined ? row[field] : row[field]?.[inner]
      if (sign === ":") return String(found) === value
      const by = Number(found) - Number(value)
      return sign === ">" ? by > 0 : sign === ">=" ? by >= 0 : sign === "<" ? by < 0 : by <= 0
    }
  })
  const limit = Number(params["limit"] ?? 10)
  const all = rows.filter((row) => holds.every((hold) => hold(row))).toReversed()
  const from = Number(params["page"] ?? 0)
  const has_more = all.length > from + limit
  return {
    object: "search_result",
    url,
    has_more,
    next_page: has_more ? String(from + limit) : null,
    data: all.slice(from, from + limit),
  }
}

/** A path with `:id` in it, and what answers it: the object, before it is expanded. */
export type Route = [
  method: "GET" | "POST" | "DELETE",
  path: string,
  run: (params: Params, id: string) => unknown,
]
