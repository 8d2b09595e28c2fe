/** A word of a text as the index knows it, and where it stands in the text. */
export type Word = { word: string; start: number; end: number; chunk: number }

/** Longer words are cut: nobody types them. */
const longest = 40

const wordPattern = /[\p{L}\p{N}\p{M}]+(?:['’][\p{L}\p{M}]+)*/gu
/** Scripts that put no spaces between words: they are found by pairs of letters. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Khmer}\p{Script=Lao}\p{Script=Myanmar}]/u
const special: Record<string, string> = {
  ß: "ss",
  æ: "ae",
  œ: "oe",
  ø: "o",
  đ: "d",
  ł: "l",
  ı: "i",
}

/** Letters and digits in their plain form: lower case, no accents, no compatibility forms. */
export function fold(text: string): string {
  return text
    .replace(/[™®©℠]/g, "")
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .normalize("NFC")
    .toLowerCase()
    .replace(/[ßæœøđłı]/g, (letter) => special[letter] ?? letter)
    .replace(/[^\p{L}\p{N}]/gu, "")
}

/** The words of a text in their order. Words of one `chunk` have no space between them: `USB-C` is two. */
export function wordsOf(text: string): Word[] {
  const words: Word[] = []
  let chunk = 0
  let last = 0
  for (const match of text.matchAll(wordPattern)) {
    if (/\s/u.test(text.slice(last, match.index))) chunk += 1
    last = match.index + match[0].length
    const word = fold(match[0])
    if (word === "") continue
    const place = { start: match.index, end: last, chunk }
    if (unspaced.test(word)) words.push(...pairs(word).map((pair) => ({ word: pair, ...place })))
    else words.push({ word: Array.from(word).slice(0, longest).join(""), ...place })
  }
  return words
}

function pairs(word: string): string[] {
  const letters = Array.from(word)
  if (letters.length < 2) return letters
  return letters.slice(1).map((letter, index) => `${letters[index]}${letter}`)
}

/** What stands together as one word too: `USB-C` → `usbc`. Of two to four words; of other counts nothing. */
export function joined(words: readonly string[]): string | undefined {
  return words.length < 2 || words.length > 4 ? undefined : words.join("").slice(0, longest)
}

/** The letters and the digits of a word that mixes them: `iphone15` → `iphone`, `15`. */
export function piecesOf(word: string): string[] {
  const pieces = word.match(/\p{L}+|\p{N}+/gu) ?? []
  return pieces.length < 2 || pieces.length > 4 ? [] : pieces
}

const irregular: Record<string, string> = {
  lens: "lens",
  lenses: "lens",
  series: "series",
  species: "species",
  men: "man",
  women: "woman",
  children: "child",
  knives: "knife",
  shelves: "shelf",
  leaves: "leaf",
  scarves: "scarf",
}

/**
 * The singular of an English plural; other words as they are. On inflected queries it finds what Porter's stemmer
 * finds of plurals, and joins no words of different sense (`organ` and `organise`, `universal` and `universe`);
 * `npm run bench:search` prints both.
 */
export function stem(word: string): string {
  const known = Object.hasOwn(irregular, word) ? irregular[word] : undefined
  if (known !== undefined) return known
  if (word.length < 4 || !/^[a-z]+$/.test(word)) return word
  return word.length > 4 ? singular(word).replace(/ie$/, "y") : singular(word)
}

function singular(word: string): string {
  if (!word.endsWith("s") || /(?:ss|us|is)$/.test(word)) return word
  return /(?:ss|x|ch|sh|zz)es$/.test(word) ? word.slice(0, -2) : word.slice(0, -1)
}

const stopWords = new Set(
  "a an and are as at be by for from has have in is it its of on or that the their they this to was with you your".split(
    " ",
  ),
)

/** Whether a word says next to nothing by itself. */
export function isStopWord(word: string): boolean {
  return stopWords.has(word)
}

/** A SKU as it is looked up: letters and digits only. */
export function skuTerm(sku: string): string {
  return `#${fold(sku).slice(0, 64)}`
}

/** A tag as it is looked up. */
export function tagTerm(tag: string): string {
  return `~${tag.toLowerCase()}`
}
