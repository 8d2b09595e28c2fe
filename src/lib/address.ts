/**
 * An address that a browser may be sent to, as the URL standard reads it: a path here (`own`, an origin), or http(s) at
 * one of the `allowed` origins, without credentials. `undefined` for any other: nobody is led astray by us.
 */
export function addressWithin(
  text: string,
  own: string,
  allowed: readonly string[],
): URL | undefined {
  const url = URL.parse(text, /^\/(?![/\\])/.test(text) ? own : undefined)
  const isAllowed =
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.username === "" &&
    url.password === "" &&
    [own, ...allowed].includes(url.origin)
  return isAllowed ? url : undefined
}
