import type { Violation } from "./model.ts"

/** A stretch of what a check looks at. `next`: where the next one begins; null: this was the last. */
export type Stretch = { checked: number; violations: Violation[]; next: string | null }

/** How many things one stretch looks at: one request must have room for it. */
export const stretchLength = 50

/** A stretch of rows that were read by key, one more than `stretchLength` when there are more. */
export function stretchOf<Row extends { id: string }>(
  rows: readonly Row[],
  violationsOf: (row: Row) => readonly string[],
): Stretch {
  const page = rows.slice(0, stretchLength)
  return {
    checked: page.length,
    violations: page.flatMap((row) =>
      violationsOf(row).map((detail) => ({ subject: row.id, detail })),
    ),
    next: rows.length > stretchLength ? (page.at(-1)?.id ?? null) : null,
  }
}
