/** Unlike any other: twelve characters, 72 bits of chance. */
export function newId(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(9))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
}
