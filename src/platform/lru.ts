/**
 * Values of this isolate that never change under their key, so that none is ever old: the least recently used go when
 * there are more than `most`.
 */
export class Lru<T> {
  readonly #most: number
  readonly #values = new Map<string, T>()

  constructor(most: number) {
    this.#most = most
  }

  /** Keeps a value, or keeps it longer. */
  set(key: string, value: T): void {
    this.#values.delete(key)
    this.#values.set(key, value)
    const [oldest] = this.#values.keys()
    if (this.#values.size > this.#most && oldest !== undefined) this.#values.delete(oldest)
  }

  /** All that is kept now. */
  all(): Map<string, T> {
    return new Map(this.#values)
  }
}
