/**
 * A unique id in the letters of base64url.
 *
 * @param bytes of randomness, a multiple of three. By default 72 bits: twelve characters
 */
export function newId(bytes = 9): string {
  const random = globalThis.crypto.getRandomValues(new Uint8Array(bytes))
  return btoa(String.fromCharCode(...random))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
}
