/**
 * What a spreadsheet would run as a formula, also behind apostrophes that an earlier export put there
 * (OWASP CSV Injection: = + - @, tab, line breaks, and the full-width forms of the signs).
 */
const formula = /^'*[=+\-@\t\r\n＝＋－＠]/

/** A cell of text as a spreadsheet shows it and runs nothing of it: an apostrophe in front. `fromCell` takes it away. */
export function toCell(text: string): string {
  return formula.test(text) ? `'${text}` : text
}

/** What `toCell` was given. */
export function fromCell(cell: string): string {
  return cell.startsWith("'") && formula.test(cell) ? cell.slice(1) : cell
}

/** One line of CSV (RFC 4180) of cells that a spreadsheet may open. */
export function toCsvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => quoted(toCell(cell))).join(",")}\r\n`
}

function quoted(cell: string): string {
  return /[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}
