import { ProtocolError } from '../errors.js'
import { isUtf8 } from '../message/well-formed.js'
import { Fields } from './frames/fields.js'
import { MAX_JWT } from './jwt-form.js'
import { MAX_PRINCIPAL_NAME } from './principal-token.js'
import { MAX_VAN_NAME } from './protocol.js'

/**
 * hello → challenge → prove → welcome, or refused at any point. The host proves itself first: a client reveals only its
 * names before it knows its host.
 */
export interface Hello {
  readonly protocol: number
  readonly version: string
  readonly van: string
  /** The digest of a random key, and the same for as long as this bus lives. It names its messages, too. */
  readonly client: string
  readonly nonce: string
  /**
   * The key that the client will prove to know: this user's secret, the host's token, or the token of a principal. Or
   * the certificate by which it came, or a JWT.
   */
  readonly credential: CredentialKind
  /** Of a principal: its name, and which of its tokens. */
  readonly principal?: { readonly name: string; readonly token: string } | undefined
  /** With this user's secret: the worker of a principal, which has no more rights than that principal. */
  readonly worker?: WorkerOf | undefined
  /** Only from a client on the same machine: lets the host see that it died. */
  readonly pid?: number | undefined
  /** With `pid`: the system's id of its thread, if that is a worker thread, whose end leaves the process running. */
  readonly thread?: number | undefined
}

const CREDENTIALS = ['secret', 'token', 'principal', 'certificate', 'jwt'] as const

export type CredentialKind = (typeof CREDENTIALS)[number]

/** A worker runs code of this principal. */
export interface WorkerOf {
  readonly principal: string
  /** Of an actor: the topic and the name of its mailbox. */
  readonly mailbox?: string | undefined
}

export interface Challenge {
  readonly version: string
  readonly nonce: string
  /** Empty for a certificate and a JWT: the connection itself proves the host. */
  readonly proof: string
  /** For the token of a principal. */
  readonly salt?: string | undefined
}

export interface Prove {
  readonly proof: string
  /** The key of the client's id, hidden from all but the host. Plain where only the host can read it in any case. */
  readonly key: string
  readonly jwt?: string | undefined
  /** The session to resume, and how much of the host's stream was received. */
  readonly session?: { readonly id: string; readonly received: number } | undefined
}

export interface Welcome {
  readonly session: string
  readonly resumed: boolean
  /** The part of the client's stream that the host has; 0 for a fresh session. */
  readonly received: number
  readonly maxPayload: number
  /**
   * For a new session: whether the client's unnamed subscriptions continue, because the host has stored them. Left out
   * without a store.
   */
  readonly restored?: boolean | undefined
  /** The memory, or the store, that has the queues of named subscriptions. A follower leaves it out. */
  readonly memory?: string | undefined
}

export interface Refusal {
  readonly code: string
  readonly message: string
}

const NONCE = 64

function strange(what: string): ProtocolError {
  return new ProtocolError(
    `A message of the handshake ${what}. The other side is not msgvan, or runs another version.`,
  )
}

/** Only the protocol: the rest of a hello from another version may differ. */
export function protocolOf(hello: unknown): { protocol: number; version: string } {
  const fields = new Fields(hello, strange)
  return { protocol: fields.whole('protocol'), version: fields.text('version', 64) }
}

export function checkHello(value: unknown): Hello {
  const fields = new Fields(value, strange)
  const van = fields.text('van', MAX_VAN_NAME)
  const client = fields.text('client', 64)
  if (van === '' || !isUtf8(van) || client === '') throw strange('names no van or no client')
  return {
    ...protocolOf(value),
    van,
    client,
    nonce: fields.text('nonce', NONCE),
    credential: fields.oneOf('credential', CREDENTIALS),
    principal: fields.optional('principal', key => principalOf(fields.fields(key))),
    worker: fields.optional('worker', key => workerOf(fields.fields(key))),
    pid: fields.optional('pid', key => fields.whole(key, 1, 2 ** 31)),
    thread: fields.optional('thread', key => fields.whole(key, 1, 2 ** 31)),
  }
}

function principalOf(fields: Fields): Hello['principal'] {
  return { name: fields.text('name', MAX_PRINCIPAL_NAME), token: fields.text('token', NONCE) }
}

function workerOf(fields: Fields): WorkerOf {
  return {
    principal: fields.text('principal', MAX_PRINCIPAL_NAME),
    mailbox: fields.optional('mailbox', key => fields.text(key, 200)),
  }
}

export function checkChallenge(value: unknown): Challenge {
  const fields = new Fields(value, strange)
  return {
    version: fields.text('version', 64),
    nonce: fields.text('nonce', NONCE),
    proof: fields.text('proof', NONCE),
    salt: fields.optional('salt', key => fields.text(key, NONCE)),
  }
}

export function checkProve(value: unknown): Prove {
  const fields = new Fields(value, strange)
  const session = fields.optional('session', key => fields.fields(key))
  return {
    proof: fields.text('proof', NONCE),
    key: fields.text('key', NONCE),
    jwt: fields.optional('jwt', key => fields.text(key, MAX_JWT)),
    session:
      session === undefined ? undefined : { id: session.text('id', 64), received: session.whole('received') },
  }
}

export function checkWelcome(value: unknown): Welcome {
  const fields = new Fields(value, strange)
  return {
    session: fields.text('session', 64),
    resumed: fields.flag('resumed'),
    received: fields.whole('received'),
    maxPayload: fields.whole('maxPayload'),
    restored: fields.optional('restored', key => fields.flag(key)),
    memory: fields.optional('memory', key => fields.text(key, 64)),
  }
}

export function checkRefusal(value: unknown): Refusal {
  const fields = new Fields(value, strange)
  return { code: fields.text('code', 64), message: fields.text('message', 10_000) }
}
