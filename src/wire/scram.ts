import { fromBase64Url, toBase64Url, tokenId, type PrincipalToken } from './principal-token.js'
import { sameProof, transcriptText, type Prover, type Transcript } from './proof.js'

/**
 * The host's record of a token, like SCRAM-SHA-256 (RFC 5802). The host checks a proof by it, and proves itself by it.
 * A client cannot log in with it. A token has 256 random bits, so no count of rounds slows guessing.
 */
export interface StoredToken {
  readonly id: string
  /** All three in base64url. */
  readonly salt: string
  readonly storedKey: string
  readonly serverKey: string
}

/** The text that both sides sign: the handshake, the principal, and its token. */
export interface PrincipalTranscript extends Transcript {
  readonly principal: string
  readonly id: string
  readonly salt: string
}

const SALT_BYTES = 16
const utf8 = new TextEncoder()

/** The client's side, from the token itself. */
export class TokenKeys {
  readonly #clientKey: Uint8Array
  readonly #storedKey: Uint8Array
  readonly #serverKey: Uint8Array

  private constructor(clientKey: Uint8Array, storedKey: Uint8Array, serverKey: Uint8Array) {
    this.#clientKey = clientKey
    this.#storedKey = storedKey
    this.#serverKey = serverKey
  }

  static async of(secret: Uint8Array, salt: string): Promise<TokenKeys> {
    const salted = await hmac(secret, fromBase64Url(salt))
    const clientKey = await hmac(salted, utf8.encode('Client Key'))
    return new TokenKeys(clientKey, await sha256(clientKey), await hmac(salted, utf8.encode('Server Key')))
  }

  async knowsHost(proof: string, transcript: PrincipalTranscript): Promise<boolean> {
    return sameProof(proof, toBase64Url(await hmac(this.#serverKey, textOf('host', transcript))))
  }

  async prove(transcript: PrincipalTranscript): Promise<string> {
    return toBase64Url(xor(this.#clientKey, await hmac(this.#storedKey, textOf('client', transcript))))
  }

  stored(id: string, salt: string): StoredToken {
    return { id, salt, storedKey: toBase64Url(this.#storedKey), serverKey: toBase64Url(this.#serverKey) }
  }
}

/** The host's record of a new token. */
export async function storedToken({ secret }: Pick<PrincipalToken, 'secret'>): Promise<StoredToken> {
  const salt = toBase64Url(globalThis.crypto.getRandomValues(new Uint8Array(SALT_BYTES)))
  return (await TokenKeys.of(secret, salt)).stored(await tokenId(secret), salt)
}

/** The host's proof that it keeps this token. */
export async function hostProof(
  { serverKey }: Pick<StoredToken, 'serverKey'>,
  transcript: PrincipalTranscript,
): Promise<string> {
  return toBase64Url(await hmac(fromBase64Url(serverKey), textOf('host', transcript)))
}

/** Whether a client has proved that it has this token. */
export async function isProved(
  { storedKey }: Pick<StoredToken, 'storedKey'>,
  proof: string,
  transcript: PrincipalTranscript,
): Promise<boolean> {
  if (!/^[A-Za-z0-9_-]{43}$/.test(proof)) return false
  const signature = await hmac(fromBase64Url(storedKey), textOf('client', transcript))
  const clientKey = xor(fromBase64Url(proof), signature)
  return sameProof(toBase64Url(await sha256(clientKey)), storedKey)
}

function textOf(prover: Prover, transcript: PrincipalTranscript): Uint8Array {
  const { principal, id, salt } = transcript
  return utf8.encode(transcriptText(prover, transcript, [principal, id, salt]))
}

async function hmac(key: Uint8Array, text: Uint8Array): Promise<Uint8Array> {
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

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', Uint8Array.from(bytes)))
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, at) => byte ^ (b[at] ?? 0))
}
