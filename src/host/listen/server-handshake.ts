import { AuthError, describe, MsgvanError, ProtocolError, VersionMismatchError } from '../../errors.js'
import { version } from '../../version.js'
import {
  checkHello,
  checkProve,
  protocolOf,
  type Challenge,
  type Hello,
  type Prove,
} from '../../wire/handshake.js'
import { newNonce, prove, sameProof, tokenSecret, type Transcript } from '../../wire/proof.js'
import { PROTOCOL } from '../../wire/protocol.js'

export interface Secrets {
  /** Of this machine's user. */
  readonly secret: Uint8Array
  /** For remote callers. */
  readonly token?: string | undefined
}

export interface Authenticated {
  readonly hello: Hello
  readonly prove: Prove
  readonly isLocalUser: boolean
}

/** The host's side of the handshake, for one connection: hello, then proof, each once and in this order. */
export class ServerHandshake {
  readonly #secrets: Secrets
  readonly #nonce = newNonce()
  #hello: Hello | undefined
  #isDone = false

  constructor(secrets: Secrets) {
    this.#secrets = secrets
  }

  /** @throws VersionMismatchError, AuthError, ProtocolError */
  async hello(value: unknown): Promise<Challenge> {
    const theirs = protocolOf(value)
    if (theirs.protocol !== PROTOCOL) {
      throw new VersionMismatchError(
        `The host is msgvan ${version} and speaks protocol ${PROTOCOL}; this is msgvan ${theirs.version} with protocol ${theirs.protocol}. ` +
          whatToDo(theirs),
      )
    }
    if (this.#hello !== undefined) throw new ProtocolError('A second hello came. One connection greets once.')
    this.#hello = checkHello(value)
    const proof = await prove(this.#key(this.#hello), 'host', this.#transcript(this.#hello))
    return { version, nonce: this.#nonce, proof }
  }

  /** @throws AuthError, ProtocolError */
  async prove(value: unknown): Promise<Authenticated> {
    const hello = this.#hello
    if (hello === undefined || this.#isDone)
      throw new ProtocolError('A proof came out of turn. First hello, then the proof, each once.')
    this.#isDone = true
    const theirs = checkProve(value)
    const expected = await prove(this.#key(hello), 'client', this.#transcript(hello))
    if (!sameProof(theirs.proof, expected)) {
      throw new AuthError(
        hello.credential === 'token'
          ? 'The token is not the one of this host. Give the right one: --token, or the option `token`.'
          : 'The secret is not the one of this host: it runs for another user, or with another MSGVAN_HOME.',
      )
    }
    return { hello, prove: theirs, isLocalUser: hello.credential === 'secret' }
  }

  #key({ credential }: Hello): Uint8Array {
    if (credential === 'secret') return this.#secrets.secret
    if (this.#secrets.token === undefined) {
      throw new AuthError(
        'This host has no token. Start it with --token, or connect as the user it runs for.',
      )
    }
    return tokenSecret(this.#secrets.token)
  }

  #transcript({ van, client, nonce }: Hello): Transcript {
    return { protocol: PROTOCOL, van, client, clientNonce: nonce, hostNonce: this.#nonce }
  }
}

/**
 * A restart by this version or a newer one keeps the host's options. An older version may not know of that, and would
 * start a host without the store of this one.
 */
function whatToDo(theirs: { protocol: number; version: string }): string {
  return theirs.protocol > PROTOCOL
    ? `Run \`msgvan restart\` with msgvan ${theirs.version}: the host keeps its options.`
    : `Use msgvan ${version} here too. To go back to msgvan ${theirs.version}, end this host with \`msgvan stop\`, and start one with all options that it needs.`
}

/** The form for a client. */
export function refusalOf(error: unknown): { code: string; message: string } {
  if (error instanceof MsgvanError) return { code: error.code, message: error.message }
  return { code: 'MSGVAN_PROTOCOL', message: `The host could not read the request: ${describe(error)}` }
}
