import { sha256 } from './digest.js'

/** The token of a principal: its name, and 32 random bytes. As text `name.<base64url>`. */
export interface PrincipalToken {
  readonly principal: string
  readonly secret: Uint8Array
}

export const MAX_PRINCIPAL_NAME = 64
export const PRINCIPAL_NAME = /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$/
/** 32 bytes in base64url, without padding. */
const TOKEN = /^([A-Za-z0-9][A-Za-z0-9_.@-]{0,63})\.([A-Za-z0-9_-]{43})$/
const SECRET_BYTES = 32
const ID_BYTES = 9

/** @returns undefined for a token of another form: the one token of a host */
export function readPrincipalToken(text: string): PrincipalToken | undefined {
  const [, principal, bytes] = TOKEN.exec(text.trim()) ?? []
  if (principal === undefined || bytes === undefined) return undefined
  const secret = fromBase64Url(bytes)
  // The last character may hold bits that no 32 bytes have: such a text is another token by the same name.
  return toBase64Url(secret) === bytes ? { principal, secret } : undefined
}

export function newPrincipalToken(principal: string): string {
  return `${principal}.${toBase64Url(globalThis.crypto.getRandomValues(new Uint8Array(SECRET_BYTES)))}`
}

/** Names one of the tokens of a principal, and gives nothing of it away. */
export async function tokenId(secret: Uint8Array): Promise<string> {
  const digest = await sha256(Uint8Array.from([...secret, ...ID_LABEL]))
  return toBase64Url(digest.subarray(0, ID_BYTES))
}

const ID_LABEL = new TextEncoder().encode('msgvan token id')

export function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

/** @throws when the text is not base64url */
export function fromBase64Url(text: string): Uint8Array {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, character => character.charCodeAt(0))
}
