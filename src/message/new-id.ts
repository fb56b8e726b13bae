/** A unique id: twelve characters, 72 random bits. */
export function newId(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(9))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
}
