import {
  AuthError,
  describe,
  errorFromCode,
  ForbiddenError,
  HostUnreachableError,
  MsgvanError,
  VersionMismatchError,
} from '../../errors.js'
import { version } from '../../version.js'
import type { Channel } from '../../wire/channel.js'
import type { ClientIdentity } from '../../wire/client-identity.js'
import {
  checkChallenge,
  checkRefusal,
  checkWelcome,
  type Challenge,
  type Hello,
  type Prove,
  type Welcome,
} from '../../wire/handshake.js'
import { hideKey, newNonce, prove, sameProof, type Transcript } from '../../wire/proof.js'
import { LOCAL_SOCKET } from '../../wire/connection-ends.js'
import { MAX_JWT } from '../../wire/jwt-form.js'
import { toBase64Url } from '../../wire/principal-token.js'
import { TokenKeys } from '../../wire/scram.js'
import { binary, PROTOCOL, type ClientEvents } from '../../wire/protocol.js'
import type { Borne, Credential, KnownSecret, OfPrincipal } from './credential.js'
import type { Dial } from './dial-socket.js'

export interface ConnectionRequest {
  readonly dial: Dial
  readonly url: string
  readonly van: string
  readonly client: ClientIdentity
  readonly pid: number | undefined
  readonly thread: number | undefined
  /** Undefined: there is none, which matters only where a server answers. */
  readonly credential: Credential | undefined
  /** Called when the host has proved its identity. Returns the state of the session by then. */
  readonly session: () => Prove['session']
}

export interface ConnectionOwner {
  welcome(welcome: Welcome): void
  /** @throws ProtocolError to end the connection */
  frame(bytes: Uint8Array): void
  /** The other side has not answered for a while. The attempt goes on. */
  silent(error: MsgvanError): void
  /** Called once: the connection failed, or it is gone. */
  lost(error: MsgvanError): void
}

type Proved = Pick<Prove, 'proof' | 'key' | 'jwt'>

const HANDSHAKE_MS = 10_000
/** In two steps: after a standstill of this process, answers that have arrived are read before the second. */
const SILENCE_MS = [1_800, 200] as const
const FAREWELL_MS = 1_000

/** One channel, from its handshake to its end. Never reconnects by itself. */
export class Connection {
  readonly #request: ConnectionRequest
  readonly #owner: ConnectionOwner
  readonly #channel: Channel<ClientEvents>
  readonly #nonce = newNonce()
  readonly #deadline: ReturnType<typeof setTimeout>
  #silence: ReturnType<typeof setTimeout>
  /** Called when the host has hung up. */
  #onHungUp: (() => void) | undefined
  #isLost = false
  #hasHostProved = false
  /** Names this connection as both sides see it. */
  #ends: string | undefined
  /** Verified TLS, or the local socket. */
  #isPrivate = false

  constructor(request: ConnectionRequest, owner: ConnectionOwner) {
    this.#request = request
    this.#owner = owner
    this.#deadline = setTimeout(() => this.#lose(noAnswer(request.url, HANDSHAKE_MS)), HANDSHAKE_MS)
    const [first, second] = SILENCE_MS
    this.#silence = setTimeout(() => {
      this.#silence = setTimeout(() => owner.silent(noAnswer(request.url, first + second)), second)
    }, first)
    this.#channel = request.dial(
      request.url,
      {
        opened: (ends, isPrivate = false) => {
          this.#ends = ends
          this.#isPrivate = isPrivate
          this.#guard(() => this.#sayHello())
        },
        event: (name, value) => this.#guard(() => this.#receive(name, value)),
        ended: ({ why, cause }) => {
          this.#onHungUp?.()
          this.#lose(new HostUnreachableError(`${request.url} ${why}.`, { cause }))
        },
      },
      HANDSHAKE_MS,
    )
  }

  send(frame: Uint8Array): void {
    this.#channel.send('frame', frame)
  }

  /** After a goodbye: resolves when the host has hung up. If this side hung up first, the last frames could be lost. */
  async ended(): Promise<void> {
    this.#isLost = true
    if (this.#channel.isOpen) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, FAREWELL_MS)
        this.#onHungUp = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    this.close()
  }

  close(): void {
    this.#isLost = true
    this.#stopClocks()
    this.#channel.close()
  }

  #receive(name: string, value: unknown): void {
    switch (name) {
      case 'challenge':
        this.#answer(value).catch((error: unknown) => this.#fail(error))
        return
      case 'welcome': {
        this.#requireProof()
        const welcome = checkWelcome(value)
        this.#stopClocks()
        this.#owner.welcome(welcome)
        return
      }
      case 'refused': {
        const { code, message } = checkRefusal(value)
        this.#lose(errorFromCode(code, message))
        return
      }
      case 'frame':
        this.#requireProof()
        this.#owner.frame(binary(value))
    }
  }

  #stopClocks(): void {
    clearTimeout(this.#deadline)
    clearTimeout(this.#silence)
  }

  #sayHello(): void {
    const { van, client, pid, thread, url } = this.#request
    const credential = this.#credential
    if ((credential.kind ?? 'secret') === 'secret' && this.#ends === undefined)
      throw new AuthError(
        `The secret of this user is for this machine only, and ${url} is not. Give a token.`,
      )
    if (isBorne(credential)) this.#mayShow(credential)
    const hello: Hello = {
      protocol: PROTOCOL,
      version,
      van,
      client: client.id,
      nonce: this.#nonce,
      credential: credential.kind ?? 'secret',
      principal:
        credential.kind === 'principal' ? { name: credential.name, token: credential.id } : undefined,
      worker: 'worker' in credential ? credential.worker : undefined,
      pid,
      thread,
    }
    this.#channel.send('hello', hello)
  }

  async #answer(value: unknown): Promise<void> {
    const challenge = checkChallenge(value)
    const { session } = this.#request
    const credential = this.#credential
    const own = isBorne(credential)
      ? this.#show(credential)
      : credential.kind === 'principal'
        ? await this.#proveToken(challenge, credential)
        : await this.#proveSecret(challenge, credential)
    if (this.#isLost) return
    this.#hasHostProved = true
    this.#channel.send('prove', { ...own, session: session() } satisfies Prove)
  }

  /** @throws AuthError if somebody else could read it */
  #mayShow(credential: Borne): void {
    const { url } = this.#request
    const isLocal = this.#ends === LOCAL_SOCKET
    if (!this.#isPrivate || (credential.kind === 'certificate' && isLocal))
      throw new AuthError(
        credential.kind === 'jwt'
          ? `A JWT goes to a host with verified TLS (https://), or by this machine's local socket, only. This is ${url}.`
          : `A certificate needs verified TLS (https://). This is ${url}.`,
      )
    if (credential.kind === 'jwt' && credential.token.length > MAX_JWT)
      throw new AuthError(`A JWT has at most ${MAX_JWT} characters.`)
  }

  /** Nobody else reads this connection, and its other end is the host that was meant. */
  #show(credential: Borne): Proved {
    const key = toBase64Url(this.#request.client.key)
    return { proof: '', key, ...(credential.kind === 'jwt' ? { jwt: credential.token } : {}) }
  }

  /** @throws AuthError */
  get #credential(): Credential {
    const { credential, url } = this.#request
    if (credential === undefined)
      throw new AuthError(`There is no secret and no token for ${url}. Give the option token.`)
    return credential
  }

  #transcript({ nonce: hostNonce }: Challenge): Transcript {
    const { van, client } = this.#request
    return { protocol: PROTOCOL, van, client: client.id, clientNonce: this.#nonce, hostNonce }
  }

  async #proveSecret(challenge: Challenge, { kind = 'secret', secret }: KnownSecret): Promise<Proved> {
    const ends = kind === 'secret' ? this.#ends : undefined
    const transcript = { ...this.#transcript(challenge), ends }
    if (sameProof(challenge.proof, await prove(secret, 'host', transcript)))
      return {
        proof: await prove(secret, 'client', transcript),
        key: await hideKey(this.#request.client.key, secret, transcript),
      }
    throw new AuthError(
      `The server at ${this.#request.url} does not know the ${kind} of this user: it is another user's host, or not a host, ` +
        `${kind === 'secret' ? 'or another program stands between, for which a token is needed' : 'or has another token'}. ` +
        'Give the right token or MSGVAN_HOME, or another port.',
    )
  }

  async #proveToken(challenge: Challenge, { secret, name, id }: OfPrincipal): Promise<Proved> {
    const { salt = '' } = challenge
    const transcript = { ...this.#transcript(challenge), principal: name, id, salt }
    const keys = await TokenKeys.of(secret, salt)
    if (await keys.knowsHost(challenge.proof, transcript))
      return {
        proof: await keys.prove(transcript),
        key: await keys.hide(this.#request.client.key, transcript),
      }
    throw new AuthError(
      `The server at ${this.#request.url} does not know this token of ${name}: the token is wrong, was revoked or has expired, or the server is another host. ` +
        'Ask the administrator of that host for a new one.',
    )
  }

  /** An impostor may send a welcome without a proof. It must not get the messages of this bus. */
  #requireProof(): void {
    if (this.#hasHostProved) return
    throw new AuthError(`The server at ${this.#request.url} gives no proof: it is not a host of this user.`)
  }

  /** Handles everything that arrives. A broken protocol ends the connection, not the process. */
  #guard(handle: () => void): void {
    if (this.#isLost) return
    try {
      handle()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#lose(
      error instanceof MsgvanError
        ? error
        : new HostUnreachableError(`The connection failed: ${describe(error)}`, { cause: error }),
    )
  }

  #lose(error: MsgvanError): void {
    if (this.#isLost) return
    this.close()
    this.#owner.lost(error)
  }
}

function isBorne(credential: Credential): credential is Borne {
  return credential.kind === 'jwt' || credential.kind === 'certificate'
}

function noAnswer(url: string, milliseconds: number): HostUnreachableError {
  return new HostUnreachableError(
    `No answer from ${url} within ${milliseconds / 1_000} s: the server there is not a msgvan host, or it does not respond.`,
  )
}

/** Another attempt fails too unless one side changes. */
export function isForGood(error: MsgvanError): boolean {
  return (
    error instanceof AuthError || error instanceof ForbiddenError || error instanceof VersionMismatchError
  )
}
