import type { SubscriptionRequest } from '../bus/contract/subscription-request.js'
import { SessionLostError, type MsgvanError } from '../errors.js'
import { newIdentity, type ClientIdentity } from '../wire/client-identity.js'
import type { Missed } from '../wire/missed.js'
import type { Prove, Welcome } from '../wire/handshake.js'
import type { Connection } from './connection/connection.js'
import { Connector, type ConnectorOwner } from './connection/connector.js'
import type { HostFrames } from './connection/host-frames.js'
import { Outage } from './connection/outage.js'
import { gapBeyond, gapError, gapOfUnstored } from './gap.js'
import type { Inbox } from './inbox/inbox.js'
import type { RemoteBrokerOptions } from './remote-broker-options.js'
import type { Traffic } from './traffic.js'

/** The id of a session that no host knows, so that the next one is new. */
const ABANDONED = ''
/** The id of a session that cannot go on. The bus reports the messages that it may have missed. */
const UNFIT = 'unfit'

export interface ClientSessionOwner {
  connected(): void
  reconnecting(): void
  /** For errors that no call can report. */
  report(error: MsgvanError): void
  /** Work of a drain may be done. */
  changed(): void
}

/** The session of a bus in its host, over connections that come and go. It makes a new one when the host does not know it. */
export class ClientSession implements ConnectorOwner {
  readonly #traffic: Traffic
  readonly #owner: ClientSessionOwner
  readonly #outage: Outage
  readonly #connector: Connector
  readonly #asHost: HostFrames | undefined
  readonly #isHostAwaited: (error: MsgvanError) => boolean
  /** Names this bus's messages in the whole van. */
  #client: Promise<ClientIdentity> | undefined
  #id: string | undefined
  /** Identifies the memory, or the store, that has the messages of named subscriptions. */
  #memory: string | undefined
  #connection: Connection | undefined
  /** The host refuses this client: every call fails by this error until that changes. */
  #refusal: MsgvanError | undefined
  /** The host has this bus from its store. */
  #isRestored = false
  /** With a refusal: publishes wait for the next host. */
  #isAwaited = false

  constructor(options: RemoteBrokerOptions, traffic: Traffic, owner: ClientSessionOwner) {
    const { url = '', locate = () => Promise.resolve(url), van, secret, pid, thread, dial, tls } = options
    this.#traffic = traffic
    this.#owner = owner
    this.#asHost = options.asHost
    if (options.client !== undefined) this.#client = Promise.resolve(options.client)
    this.#isHostAwaited = options.isHostAwaited ?? (() => false)
    const isElsewhere = options.locate === undefined
    this.#outage = new Outage(error => owner.report(error), options.asHost !== undefined, isElsewhere)
    const backoff = options.backoff ?? { initial: 50, max: 1_000 }
    this.#connector = new Connector(
      {
        dial,
        tls,
        van,
        client: () => (this.#client ??= newIdentity()),
        pid,
        thread,
        credential: secret,
        locate,
        backoff,
      },
      this,
    )
  }

  get isConnected(): boolean {
    return this.#connection !== undefined
  }

  /** There was a host, and it may owe this bus something. */
  get isKnown(): boolean {
    return this.#id !== undefined
  }

  /** Milliseconds without a connection. */
  get awayFor(): number {
    return this.isConnected ? 0 : this.#outage.duration
  }

  /** The error of calls. */
  get refusal(): MsgvanError | undefined {
    return this.#refusal
  }

  /** The error of publishes. */
  get publishRefusal(): MsgvanError | undefined {
    return this.#isAwaited ? undefined : this.#refusal
  }

  get memory(): string | undefined {
    return this.#memory
  }

  /** The error of `ready()`. */
  unreachable(timeout: number): MsgvanError {
    return this.#outage.unreachable(timeout)
  }

  connect(): void {
    this.#connector.start()
  }

  /** Another process, with this memory or store, had a session. A new one follows it. Call it before `connect`. */
  renews(memory: string | undefined): void {
    this.#id = ABANDONED
    this.#memory = memory
  }

  /** Another process goes on with this session: drops the connection without a goodbye. */
  abandon(): void {
    this.#traffic.detach()
    this.#connection = undefined
    this.#connector.stop()
  }

  /** Resolves when the host has hung up. */
  async end(): Promise<void> {
    await this.#connection?.ended()
    this.#connection = undefined
    this.#connector.stop()
  }

  session(): Prove['session'] {
    return this.#id === undefined ? undefined : { id: this.#id, received: this.#traffic.received }
  }

  welcome(welcome: Welcome, connection: Connection): void {
    this.#refusal = undefined
    this.#isAwaited = false
    this.#outage.end()
    this.#connection = connection
    if (!welcome.resumed) this.#isRestored = welcome.restored === true
    const hasTooLarge = this.#traffic.hostTakes(welcome.maxPayload)
    if (!welcome.resumed && this.#id !== undefined) this.#renew(this.#id, welcome)
    // The host would end each connection at a frame that is too large.
    else if (hasTooLarge) this.#traffic.renew()
    // If the two sides do not fit, `attach` throws, and the next connection must not claim this session.
    this.#id = UNFIT
    this.#traffic.attach(welcome.received, frame => connection.send(frame))
    this.#id = welcome.session
    this.#memory = welcome.memory
    this.#owner.connected()
    this.#owner.changed()
  }

  frame(bytes: Uint8Array): void {
    this.#traffic.receive(bytes)
  }

  /** The leader of the host does not know that host any more. */
  missed(missed: Missed): void {
    const { inboxes } = this.#traffic
    const gap = gapBeyond(missed, requestsOf(inboxes.unnamed()), requestsOf(inboxes.named()))
    if (gap !== undefined) this.#owner.report(gap)
  }

  /** The host knows this bus, and had not stored this subscription. Of a host that does not know the bus there is a report. */
  begunAnew(request: SubscriptionRequest): void {
    if (this.#isRestored && this.#asHost === undefined) this.#owner.report(gapOfUnstored(request))
  }

  disconnected(error: MsgvanError): void {
    this.#connection = undefined
    this.#outage.begin()
    this.#traffic.detach()
    this.#owner.reconnecting()
    if (!(error instanceof SessionLostError) || this.#asHost !== undefined) {
      // `state$` shows the lost connection. A broken protocol is an error too, and so is a broken limit.
      if (error.code === 'MSGVAN_PROTOCOL' || error.code === 'MSGVAN_LIMIT') this.#owner.report(error)
      return
    }
    // Another process uses the same client id. With the old id the two would take the session from each other forever.
    this.#client = undefined
    this.#owner.report(error)
  }

  silent(error: MsgvanError): void {
    this.#outage.silent(error)
  }

  failed(reason: MsgvanError, isFinal: boolean): void {
    this.#asHost?.failed(reason)
    // Later attempts fail for the same reason: it stays one error, which is reported once.
    const before = this.#refusal
    const isSame = before?.code === reason.code && before.message === reason.message
    const error = isFinal && isSame ? before : reason
    if (isFinal) this.#refusal = error
    this.#outage.failed(error, isFinal)
    if (!isFinal) return
    this.#isAwaited = this.#isHostAwaited(error)
    this.#traffic.calls.rejectAll(error)
    if (this.#isAwaited) this.#id ??= ABANDONED
    else {
      // Rejected publishes must not go out when the host accepts this client later.
      this.#traffic.outbox.rejectAll(error)
      this.#id = ABANDONED
    }
    this.#owner.changed()
  }

  /** The host does not know this session: it restarted, or the bus was away for too long. */
  #renew(lost: string, { restored, memory }: Welcome): void {
    const { inboxes, outbox } = this.#traffic
    const isOther = this.#memory !== undefined && this.#memory !== memory
    const isNamedLost = isOther && inboxes.named().length > 0
    // A host with a store continues. A bus without unnamed subscriptions missed nothing at a known memory.
    const isWhole =
      restored === true || (restored === false && !isNamedLost && inboxes.unnamed().length === 0)
    if (this.#asHost !== undefined) {
      // The clients of this host missed the same messages. Their session here did not break, so they do not know.
      this.#asHost.missed({ live: true, replayed: restored !== true, named: isOther })
      outbox.rejectAll(new SessionLostError('The leader is a new one.'))
    } else if (lost !== ABANDONED && !isWhole)
      this.#owner.report(gapError(requestsOf(inboxes.unnamed()), isOther ? requestsOf(inboxes.named()) : []))
    this.#traffic.renew()
    // A host keeps messages until it has heard of all subscriptions, even if there are none.
    if (restored === true) this.#traffic.calls.call('ready').catch(() => undefined)
  }
}

function requestsOf(inboxes: readonly Inbox[]) {
  return inboxes.map(({ request }) => request)
}
