/** An error in Square's words. */
export class Refusal extends Error {
  readonly status: number
  readonly errors: Record<string, string>[]
  /** What is answered beside the errors: a payment that failed. */
  readonly beside: Record<string, unknown>
  constructor(status: number, error: Record<string, string>, beside: Record<string, unknown> = {}) {
    super(error["detail"])
    this.status = status
    this.errors = [error]
    this.beside = beside
  }
}

export function invalid(code: string, detail: string, field?: string): Refusal {
  return new Refusal(400, {
    category: "INVALID_REQUEST_ERROR",
    code,
    detail,
    ...(field && { field }),
  })
}
export function missing(detail: string): Refusal {
  return new Refusal(404, { category: "INVALID_REQUEST_ERROR", code: "NOT_FOUND", detail })
}

export type Money = { amount: number; currency: string }

/** Money that is above zero. @throws Refusal */
export function moneyOf(given: any, field: string): Money {
  if (given === undefined || given === null)
    throw invalid("MISSING_REQUIRED_PARAMETER", "Missing required parameter.", field)
  const { amount, currency } = given
  if (!Number.isSafeInteger(amount))
    throw invalid("EXPECTED_INTEGER", "Expected an integer value.", `${field}.amount`)
  if (amount < 1) throw invalid("VALUE_TOO_LOW", "Amount must be above 0.", `${field}.amount`)
  if (!/^[A-Z]{3}$/.test(currency ?? ""))
    throw invalid("INVALID_VALUE", "Invalid currency.", `${field}.currency`)
  return { amount, currency }
}

export function textOf(
  given: any,
  field: string,
  most: number,
  isRequired = false,
): string | undefined {
  if (given === undefined || given === null || given === "") {
    if (isRequired)
      throw invalid("MISSING_REQUIRED_PARAMETER", "Missing required parameter.", field)
    return undefined
  }
  if (typeof given !== "string") throw invalid("EXPECTED_STRING", "Expected a string value.", field)
  if (given.length > most)
    throw invalid("VALUE_TOO_LONG", `Field must not be greater than ${most} in length.`, field)
  return given
}

/** A stretch of rows by their times (`begin_time` to `end_time`), newest first unless asked otherwise. */
export function listOf(name: string, rows: any[], query: URLSearchParams): Record<string, unknown> {
  const field = query.get("sort_field") === "UPDATED_AT" ? "updated_at" : "created_at"
  const within = (at: string, from: string, to: string) => {
    const [start, end] = [query.get(from), query.get(to)]
    return (
      (!start || Date.parse(at) >= Date.parse(start)) && (!end || Date.parse(at) <= Date.parse(end))
    )
  }
  const all = rows
    .filter(
      (row) =>
        within(row.created_at, "begin_time", "end_time") &&
        within(row.updated_at, "updated_at_begin_time", "updated_at_end_time") &&
        (query.get("location_id") ?? row.location_id) === row.location_id &&
        (query.get("status") ?? row.status) === row.status,
    )
    .toSorted((a, b) => a[field].localeCompare(b[field]))
  if (query.get("sort_order") !== "ASC") all.reverse()
  const limit = Math.min(100, Number(query.get("limit") ?? 100))
  const start = Number(Buffer.from(query.get("cursor") ?? "", "base64url").toString() || 0)
  const page = all.slice(start, start + limit)
  const isLast = start + limit >= all.length
  return {
    ...(page.length > 0 && { [name]: page }),
    ...(!isLast && { cursor: Buffer.from(String(start + limit)).toString("base64url") }),
  }
}
