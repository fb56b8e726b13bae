import { createHmac } from 'node:crypto'
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
import { isIdOfWorker, isKeyOf, readKey } from '../../wire/client-identity.js'
import { newNonce, prove, sameProof, shownKey, tokenSecret, type Transcript } from '../../wire/proof.js'
import { PROTOCOL } from '../../wire/protocol.js'
import { toBase64Url } from '../../wire/principal-token.js'
import {
  hostProof,
  isProved,
  shownKey as keyShownByToken,
  type PrincipalTranscript,
} from '../../wire/scram.js'
import { LOCAL_SOCKET } from '../../wire/connection-ends.js'
import type { ClientCertificate } from '../rights/credentials/certificate.js'
import type { TokenCredential } from '../rights/definition.js'
import type { Access, Principals } from '../rights/principals.js'

export interface Secrets {
  /** Of this machine's user. */
  readonly secret: Uint8Array
  /** For remote callers. */
  readonly token?: string | undefined
  /** The principals that may come in, each with its own rights. The host has no `token` then. */
  readonly principals?: Principals | undefined
}

/** The way of a client that came by TLS. */
export interface ByTls {
  /** Its certificate, if it gave one. */
  readonly certificate: () => ClientCertificate | undefined
}

export interface Authenticated {
  readonly hello: Hello
  readonly prove: Prove
  readonly isLocalUser: boolean
  /** The principal, which may do what its rights allow. Undefined: everything. */
  readonly access: Access | undefined
}

/** The host's side of the handshake, for one connection: hello, then proof, each once and in this order. */
export class ServerHandshake {
  readonly #secrets: Secrets
  readonly #ends: string | undefined
  readonly #tls: ByTls | undefined
  readonly #nonce = newNonce()
  #hello: Hello | undefined
  #isDone = false
  /** Of a principal: its token as this host keeps it, if it knows it. */
  #stored: TokenCredential | undefined
  #salt = ''

  /**
   * @param ends names the connection as both sides see it; undefined when it leaves this machine
   * @param tls undefined: it came without
   */
  constructor(secrets: Secrets, ends: string | undefined, tls?: ByTls) {
    this.#secrets = secrets
    this.#ends = ends
    this.#tls = tls
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
    const { credential } = this.#hello
    if (credential === 'principal') return this.#challengePrincipal(this.#hello)
    if (credential === 'certificate' || credential === 'jwt') {
      this.#mayBeShown(credential)
      return { version, nonce: this.#nonce, proof: '' }
    }
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
    if (hello.credential === 'principal')
      return { hello, prove: theirs, isLocalUser: false, access: await this.#principalProved(hello, theirs) }
    if (hello.credential === 'certificate' || hello.credential === 'jwt')
      return { hello, prove: theirs, isLocalUser: false, access: await this.#shown(hello, theirs) }
    const expected = await prove(this.#key(hello), 'client', this.#transcript(hello))
    if (!sameProof(theirs.proof, expected)) {
      throw new AuthError(
        hello.credential === 'token'
          ? 'The token is not the one of this host. Give the right one: --token, or the option `token`.'
          : 'The secret is not the one of this host: it runs for another user, or with another MSGVAN_HOME. Or another program stands between, for which a token is needed.',
      )
    }
    await checkKey(hello, await shownKey(theirs.key, this.#key(hello), this.#transcript(hello)))
    const isLocalUser = hello.credential === 'secret'
    return { hello, prove: theirs, isLocalUser, access: this.#accessOfWorker(hello) }
  }

  /** @throws AuthError */
  #mayBeShown(credential: 'certificate' | 'jwt'): Principals {
    const { principals } = this.#secrets
    const isJwt = credential === 'jwt'
    if (principals === undefined)
      throw new AuthError(
        `This host has no principals, so it takes no ${isJwt ? 'JWT' : 'certificate'}. Start it with --principals FILE.`,
      )
    if (this.#tls === undefined && !(isJwt && this.#ends === LOCAL_SOCKET))
      throw new AuthError(
        isJwt
          ? 'This host takes a JWT by TLS, or by its local socket, only.'
          : 'This host takes a certificate by TLS only.',
      )
    return principals
  }

  /** @throws AuthError, ForbiddenError if it may not enter that van */
  async #shown(hello: Hello, { jwt = '', key }: Prove): Promise<Access> {
    const isJwt = hello.credential === 'jwt'
    const principals = this.#mayBeShown(isJwt ? 'jwt' : 'certificate')
    await checkKey(hello, readKey(key))
    const access = isJwt ? await principals.byJwt(jwt) : this.#byCertificate(principals)
    access.principal.mustAllow('vans', hello.van, 'the van')
    return access
  }

  /** @throws AuthError */
  #byCertificate(principals: Principals): Access {
    const certificate = this.#tls?.certificate()
    if (certificate === undefined)
      throw new AuthError(
        'The client gave no certificate, or this host asks for none: no principal has one. Add it: `msgvan principals add NAME --certificate FILE`.',
      )
    return principals.byCertificate(certificate)
  }

  /** @throws AuthError, ForbiddenError: code never has more rights than its principal has now */
  #accessOfWorker({ worker, van }: Hello): Access | undefined {
    if (worker === undefined) return undefined
    const principal = this.#secrets.principals?.get(worker.principal)
    if (principal === undefined)
      throw new AuthError(`This host has no principal ${JSON.stringify(worker.principal)} any more.`)
    principal.mustAllow('vans', van, 'the van')
    return { principal, token: undefined, mailbox: worker.mailbox }
  }

  async #challengePrincipal(hello: Hello): Promise<Challenge> {
    const { principals } = this.#secrets
    if (principals === undefined)
      throw new AuthError(
        'This host has no principals, and this is the token of one. Start it with --principals FILE, or connect with the token of the host.',
      )
    const { name = '', token = '' } = hello.principal ?? {}
    const known = principals.credential(name, token)
    this.#stored = known
    // A stranger does not learn the names: an unknown one gets a challenge that looks the same each time.
    this.#salt = known?.salt ?? inventedSalt(this.#secrets.secret, `${name} ${token}`)
    const stored = known ?? { serverKey: newNonce().slice(0, 43) }
    const proof = await hostProof(stored, this.#principalTranscript(hello))
    return { version, nonce: this.#nonce, proof, salt: this.#salt }
  }

  /** @throws AuthError, ForbiddenError if it may not enter that van */
  async #principalProved(hello: Hello, { proof, key }: Prove): Promise<Access> {
    const { principal: claimed, van } = hello
    const stored = this.#stored
    const isGood = stored !== undefined && (await isProved(stored, proof, this.#principalTranscript(hello)))
    // The file may have changed since the challenge.
    const principal = this.#secrets.principals?.get(claimed?.name ?? '')
    if (!isGood || principal?.token(stored.id) === undefined)
      throw new AuthError('The token is wrong, was revoked or has expired.')
    await checkKey(hello, await keyShownByToken(stored, key, this.#principalTranscript(hello)))
    principal.mustAllow('vans', van, 'the van')
    return { principal, token: stored.id }
  }

  #principalTranscript(hello: Hello): PrincipalTranscript {
    const { name = '', token = '' } = hello.principal ?? {}
    return { ...this.#transcript(hello), principal: name, id: token, salt: this.#salt }
  }

  #key({ credential }: Hello): Uint8Array {
    if (credential === 'secret') {
      if (this.#ends !== undefined) return this.#secrets.secret
      throw new AuthError(
        'The secret of a user is for the machine of its host only. Connect from there, or with a token.',
      )
    }
    if (this.#secrets.principals !== undefined)
      throw new AuthError(
        'This host takes no common token: it has principals. Give the token of one, `name.<secret>`.',
      )
    if (this.#secrets.token === undefined) {
      throw new AuthError(
        'This host has no token. Start it with --token, or connect as the user it runs for.',
      )
    }
    return tokenSecret(this.#secrets.token)
  }

  #transcript({ van, client, nonce, credential }: Hello): Transcript {
    const ends = credential === 'secret' ? this.#ends : undefined
    return { protocol: PROTOCOL, van, client, clientNonce: nonce, hostNonce: this.#nonce, ends }
  }
}

/**
 * A client's id names its session and its messages: only the client that made it has the key.
 *
 * @throws AuthError
 */
async function checkKey({ client, credential }: Hello, key: Uint8Array | undefined): Promise<void> {
  // Ids of workers have more rights, or other ones, and only this user's processes know the secret.
  const mayHave = credential === 'secret' || !isIdOfWorker(client)
  if (!mayHave || !(await isKeyOf(client, key)))
    throw new AuthError("The client's id does not belong to its key. Connect with a new client.")
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

function inventedSalt(secret: Uint8Array, claimed: string): string {
  return toBase64Url(createHmac('sha256', secret).update(`salt ${claimed}`).digest().subarray(0, 16))
}

/** The form for a client. */
export function refusalOf(error: unknown): { code: string; message: string } {
  if (error instanceof MsgvanError) return { code: error.code, message: error.message }
  return { code: 'MSGVAN_PROTOCOL', message: `The host could not read the request: ${describe(error)}` }
}
