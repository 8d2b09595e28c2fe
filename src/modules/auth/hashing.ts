/** Argon2id at OWASP's second row (Password Storage Cheat Sheet): 19 MiB, two passes, one lane; a PHC string holds them. */
export const hashing = { memoryCost: 19_456, timeCost: 2, parallelism: 1, hashLength: 32 }

/** What a hash made with today's parameters starts with; any other is remade at the next sign-in. */
export const hashPrefix = `$argon2id$v=19$m=${hashing.memoryCost},t=${hashing.timeCost},p=${hashing.parallelism}$`
