import { hmac, sha256, xor } from './digest.js'
import { fromBase64Url, toBase64Url, tokenId, type PrincipalToken } from './principal-token.js'
import { hidden, revealed, sameProof, transcriptText, type Prover, type Transcript } from './proof.js'

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

  /** The client's own key, which only a host that keeps this token can read. */
  async hide(key: Uint8Array, transcript: PrincipalTranscript): Promise<string> {
    return hidden(key, await hmac(this.#serverKey, textOf('client key', transcript)))
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

/** @returns the client's own key, if it was hidden by this token; else something without a meaning */
export async function shownKey(
  { serverKey }: Pick<StoredToken, 'serverKey'>,
  text: string,
  transcript: PrincipalTranscript,
): Promise<Uint8Array | undefined> {
  return revealed(text, await hmac(fromBase64Url(serverKey), textOf('client key', transcript)))
}

function textOf(prover: Prover | 'client key', transcript: PrincipalTranscript): Uint8Array {
  const { principal, id, salt } = transcript
  return utf8.encode(transcriptText(prover, transcript, [principal, id, salt]))
}
