/** By WebCrypto: the same in Node and in browsers. */
export async function hmac(key: Uint8Array, text: Uint8Array): Promise<Uint8Array> {
  const { subtle } = globalThis.crypto
  const imported = await subtle.importKey(
    'raw',
    Uint8Array.from(key),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  )
  return new Uint8Array(await subtle.sign('HMAC', imported, Uint8Array.from(text)))
}

export async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', Uint8Array.from(bytes)))
}

export function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, at) => byte ^ (b[at] ?? 0))
}
