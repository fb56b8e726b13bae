import { readKey } from './client-identity.js'
import { hmac, xor } from './digest.js'
import { toBase64Url } from './principal-token.js'

/**
 * The side that proves that it knows the secret. Both names are part of the signed text, so neither proof serves as the
 * other.
 */
export type Prover = 'host' | 'client'

/** The common knowledge of both sides of a handshake: a proof is valid for this connection only. */
export interface Transcript {
  readonly protocol: number
  readonly van: string
  readonly client: string
  readonly clientNonce: string
  readonly hostNonce: string
  /** Names the connection, for a proof by the secret of this machine's user. Default: it is not signed. */
  readonly ends?: string | undefined
}

const NONCE_BYTES = 32
const utf8 = new TextEncoder()

export function newNonce(): string {
  return hex(globalThis.crypto.getRandomValues(new Uint8Array(NONCE_BYTES)))
}

/** HMAC-SHA-256 over the transcript. */
export async function prove(secret: Uint8Array, prover: Prover, transcript: Transcript): Promise<string> {
  return hex(await hmac(secret, utf8.encode(transcriptText(prover, transcript))))
}

/** A client's own key, for a host that knows the secret. Others who read it on the way learn nothing. */
export async function hideKey(key: Uint8Array, secret: Uint8Array, transcript: Transcript): Promise<string> {
  return hidden(key, await hmac(secret, utf8.encode(transcriptText('client key', transcript))))
}

/** @returns undefined if the text has another form */
export async function shownKey(
  text: string,
  secret: Uint8Array,
  transcript: Transcript,
): Promise<Uint8Array | undefined> {
  return revealed(text, await hmac(secret, utf8.encode(transcriptText('client key', transcript))))
}

/** @param pad of this one connection */
export function hidden(key: Uint8Array, pad: Uint8Array): string {
  return toBase64Url(xor(key, pad))
}

export function revealed(text: string, pad: Uint8Array): Uint8Array | undefined {
  const key = readKey(text)
  return key && xor(key, pad)
}

/** The text that is signed. JSON keeps the fields apart. */
export function transcriptText(
  prover: Prover | 'client key',
  { protocol, van, client, clientNonce, hostNonce, ends }: Transcript,
  more: readonly string[] = [],
): string {
  const named = ends === undefined ? [] : [ends]
  return JSON.stringify(['msgvan', prover, protocol, van, client, clientNonce, hostNonce, ...named, ...more])
}

/** Takes the same time wherever the two differ. */
export function sameProof(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}

/** A token is text; the key is its bytes. */
export function tokenSecret(token: string): Uint8Array {
  return new TextEncoder().encode(token)
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
