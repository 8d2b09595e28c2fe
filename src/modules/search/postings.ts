/** Document numbers in one row of postings. */
export const postingsChunk = 1 << 15

/** One term's documents of one chunk: numbers within the chunk, ascending, and how well each is described by it, 1 to 255. */
export type Postings = { offsets: Uint16Array; impacts: Uint8Array }

/** Each document as the gap to the one before (7 bits a byte, lowest first) and its impact; base64. */
export function encodePostings(
  entries: readonly (readonly [offset: number, impact: number])[],
): string {
  const bytes: number[] = []
  let last = -1
  for (const [offset, impact] of entries) {
    let gap = offset - last - 1
    last = offset
    for (; gap > 127; gap >>>= 7) bytes.push((gap & 127) | 128)
    bytes.push(gap, impact)
  }
  return Buffer.from(bytes).toString("base64")
}

/** What `encodePostings` wrote, of `count` documents. */
export function decodePostings(data: string, count: number): Postings {
  const bytes = Buffer.from(data, "base64")
  const offsets = new Uint16Array(count)
  const impacts = new Uint8Array(count)
  let at = 0
  let offset = -1
  for (let index = 0; index < count; index++) {
    let gap = 0
    let shift = 0
    let byte = bytes[at++] ?? 0
    for (; byte > 127; byte = bytes[at++] ?? 0, shift += 7) gap |= (byte & 127) << shift
    offset += (gap | (byte << shift)) + 1
    offsets[index] = offset
    impacts[index] = bytes[at++] ?? 0
  }
  return { offsets, impacts }
}

/** A row of postings with documents taken out, put in, or given another impact. */
export function changePostings(
  old: { data: string; count: number } | undefined,
  changes: ReadonlyMap<number, number | undefined>,
): { data: string; count: number } {
  const entries = new Map<number, number>()
  if (old) {
    const { offsets, impacts } = decodePostings(old.data, old.count)
    for (const [index, offset] of offsets.entries()) entries.set(offset, impacts[index] ?? 0)
  }
  for (const [offset, impact] of changes) {
    if (impact === undefined) entries.delete(offset)
    else entries.set(offset, impact)
  }
  const sorted = [...entries].toSorted(([a], [b]) => a - b)
  return { data: encodePostings(sorted), count: sorted.length }
}
