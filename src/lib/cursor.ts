import { base64url, fromBase64url } from "#lib/secret.ts"

/** The ordering values of a page's last row, opaque to clients. */
export function encodeCursor(values: readonly (string | number)[]): string {
  return base64url(new TextEncoder().encode(JSON.stringify(values)))
}

/** What `encodeCursor` made; `undefined` for anything else. */
export function decodeCursor(cursor: string): (string | number)[] | undefined {
  try {
    const values: unknown = JSON.parse(new TextDecoder().decode(fromBase64url(cursor)))
    const isKey =
      Array.isArray(values) &&
      values.every((value) => typeof value === "string" || Number.isFinite(value))
    return isKey ? values : undefined
  } catch {
    return undefined
  }
}
