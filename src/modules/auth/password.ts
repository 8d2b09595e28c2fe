import Argon2 from "@phi-ag/argon2"
import wasm from "@phi-ag/argon2/argon2.wasm"

import { hashing, hashPrefix } from "./hashing.ts"

/**
 * Stands for the hash of an account that does not exist, and is the hash of one that has no password: asking takes as
 * long, and nothing matches.
 */
export const nobody = `${hashPrefix}OIVDMu57LFKQ8ShbSWIM5g$7a5DlAgKhFrMrHeKLDw2YnbLsyLMM0UZYHPZO6WtC2M`

let argon2: Promise<Argon2> | undefined
let last: Promise<unknown> = Promise.resolve()

/** One hash at a time: each takes 19 MiB of the 128 MiB that all requests of an isolate share. */
async function alone<T>(work: (argon2: Argon2) => T): Promise<T> {
  const turn = last.then(async () => {
    argon2 ??= WebAssembly.instantiate(wasm).then((instance) => new Argon2(instance))
    return work(await argon2)
  })
  last = turn.catch(() => undefined)
  return turn
}

/** A password as a PHC string. The text is taken in NFC: one password, however the keyboard composes it. */
export function hash(password: string): Promise<string> {
  return alone((engine) => engine.hash(password.normalize("NFC"), hashing).encoded)
}

/** Whether this is the password of `stored`; without `stored` it takes the same time and is not. */
export async function matches(stored: string | undefined, password: string): Promise<boolean> {
  const result = await alone((engine) =>
    engine.tryVerify(stored ?? nobody, password.normalize("NFC")),
  )
  return stored !== undefined && result.success
}

/** Whether a hash was made with other parameters than today's. */
export function isOutdated(stored: string): boolean {
  return !stored.startsWith(hashPrefix)
}
