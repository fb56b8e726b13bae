import type { Observable } from 'rxjs'
import { refusedWith } from '../bus/caught.js'
import { CurrentState } from '../bus/current-state.js'
import { isReplyInbox } from '../bus/actors/reply-inbox.js'
import { Reports } from '../bus/reports.js'
import type { Broker, BusState, CloseOptions, Consumer, Membership } from '../bus/contract/broker.js'
import type { Control } from '../bus/contract/control.js'
import type { SubscriptionRequest } from '../bus/contract/subscription-request.js'
import { HostUnreachableError, SessionLostError, type MsgvanError } from '../errors.js'
import { drainTimeout } from '../bus/drain-timeout.js'
import type { Envelope, Headers } from '../message/envelope.js'
import { isExposure } from '../message/topic.js'
import { DEFAULT_MAX_PAYLOAD } from '../codec/payload.js'
import type { Missed } from '../wire/frames/control-frames.js'
import type { Prove, Welcome } from '../wire/handshake.js'
import { Link } from '../wire/link.js'
import type { CallName } from '../wire/calls.js'
import { FRAME_OVERHEAD } from '../wire/protocol.js'
import { newId } from '../message/new-id.js'
import { encodeVerdicts } from '../wire/frames/kept-verdicts.js'
import { encodeRequest } from '../wire/frames/subscription-request.js'
import { Calls } from './calls/calls.js'
import type { Connection } from './connection/connection.js'
import { Connector } from './connection/connector.js'
import { Drain } from './outbox/drain.js'
import { gapBeyond, gapError } from './gap.js'
import type { HostFrames } from './connection/host-frames.js'
import type { Inbox } from './inbox/inbox.js'
import { Inboxes } from './inbox/inboxes.js'
import { closedError, Outbox } from './outbox/outbox.js'
import type { PublishPromise } from './outbox/publish-promise.js'
import type { RemoteBrokerOptions } from './remote-broker-options.js'
import { RemoteControl } from './calls/remote-control.js'
import { ReadingTable } from '../wire/frames/string-table.js'
import { receiveFrame } from './connection/receive-frame.js'
import { FrameKind } from '../wire/frames/frames.js'

export type { RemoteBrokerOptions }

/** A session that no host knows: the next one is a fresh one. */
const ABANDONED = ''
/** One that ended without this side's doing: what may be missed by that is told. */
const UNFIT = 'unfit'
/** After so long without a host an attempt that fails is reported. */
const OUTAGE_MS = 2_000

/**
 * A bus's Broker in a host. Constructing it does no I/O before the current turn is over. It stays connected, and the
 * process alive, until it is closed.
 */
export class RemoteBroker implements Broker {
  readonly checksPayloads = true
  readonly #readyTimeout: number
  /** By its URL, not as this machine's host. */
  readonly #isElsewhere: boolean
  readonly #asHost: HostFrames | undefined
  readonly #isEndedByHost: boolean
  readonly #state$ = new CurrentState<BusState>('connecting')
  readonly #reports = new Reports()
  readonly #connector: Connector
  readonly #calls: Calls
  readonly #inboxes: Inboxes
  readonly #outbox: Outbox
  /** Names this bus's messages in the whole van. */
  #client: string
  #link: Link
  #session: string | undefined
  /** The memory, or the store, that had what waits for named subscriptions. */
  #memory: string | undefined
  #connection: Connection | undefined
  /** Why the host will not have us: until that changes every call fails with it. */
  #refusal: MsgvanError | undefined
  /** With a refusal: there is no host to be had, but what is published waits for one. */
  #isAwaited = false
  readonly #isHostAwaited: (error: MsgvanError) => boolean
  /** Why it is not connected. */
  #trouble: MsgvanError | undefined
  /** The kinds of trouble that were reported since it was connected: the same is not reported at each attempt. */
  readonly #reported = new Set<string>()
  /** Since when it is not connected. */
  #awaySince = performance.now()
  #closing: Promise<void> | undefined
  #isDraining = false
  readonly #drain = new Drain()
  readonly control: Control = new RemoteControl(this, (method, args) => this.#call(method, args))

  constructor(options: RemoteBrokerOptions) {
    const { outbox = {} } = options
    this.#client = options.clientId ?? newId()
    this.#readyTimeout = options.readyTimeout ?? 10_000
    this.#isElsewhere = options.locate === undefined
    this.#asHost = options.asHost
    this.#isEndedByHost = options.isEndedByHost ?? false
    this.#isHostAwaited = options.isHostAwaited ?? (() => false)
    this.#link = this.#newLink()
    this.#outbox = new Outbox(this.#link, {
      maxMessages: outbox.maxMessages ?? 100_000,
      maxBytes: outbox.maxBytes ?? 64 * 1024 * 1024,
      maxPayload: options.maxPayload ?? DEFAULT_MAX_PAYLOAD,
    })
    this.#calls = new Calls(
      frame => {
        // In the order in which it was said: what is given back comes before who takes its place, what is published before who subscribes.
        this.#inboxes.flush()
        this.#outbox.flush()
        this.#link.send(FrameKind.Call, frame)
      },
      () => this.#outbox.maxPayload + FRAME_OVERHEAD,
    )
    this.#inboxes = new Inboxes({
      wake: () => this.#link.wake(),
      report: error => this.report(error),
      send: (kind, frame) => this.#link.send(kind, frame),
      sayHere: () => this.#link.signal(FrameKind.Ack),
      doneWithTaken: () => this.#drain.look(),
      away: (subscription, isAway) => {
        this.#call('away', { subscription, isAway }).catch(() => undefined)
      },
    })
    this.#connector = this.#newConnector(options)
    queueMicrotask(() => {
      if (this.#closing === undefined || this.#owesHost) this.#connector.start()
    })
  }

  get state$(): Observable<BusState> {
    return this.#state$.asObservable()
  }

  get errors$(): Observable<MsgvanError> {
    return this.#reports.errors$.asObservable()
  }

  get lateErrors$(): Observable<MsgvanError> {
    return this.#reports.late$
  }

  publish(
    topic: string,
    payload: unknown,
    headers: Headers,
    refused?: (error: unknown) => void,
  ): Promise<void> {
    const why = this.#whyNoPublish()
    if (why !== undefined) return refusedWith(why, refused)
    return this.#outbox.publish(topic, payload, headers, refused)
  }

  consume(request: SubscriptionRequest, consumer: Consumer): Membership {
    const inbox = this.#inboxes.open(request, consumer)
    if (this.#closing !== undefined && !(this.#isFinishing && isReplyInbox(request))) {
      this.#inboxes.end(inbox, closedError())
      return inbox
    }
    this.#subscribe(inbox)
    return inbox
  }

  /** As a host: what another client published, with its payload in bytes; undefined while there is no room. */
  passOn(envelope: Envelope): PublishPromise | undefined {
    return this.#whyNot() === undefined ? this.#outbox.passOn(envelope) : undefined
  }

  /** As a host: a place like that of a subscription, asked for by a call of its own, with these arguments at that moment. */
  consumeBy(
    method: string,
    args: () => object,
    request: SubscriptionRequest,
    consumer: Consumer,
  ): Membership {
    const inbox = this.#inboxes.open(request, consumer)
    inbox.asks = { method, args }
    this.#subscribe(inbox)
    return inbox
  }

  /** As a host: in order with everything else that is sent in this session. */
  send(kind: FrameKind, frame: Uint8Array): void {
    this.#link.send(kind, frame)
  }

  /** The host answers in order: when it answers this, it has acted on all that was asked before. */
  async ready(timeout = this.#readyTimeout): Promise<void> {
    const answer = this.#call('ready')
    let timer: ReturnType<typeof setTimeout> | undefined
    const unreachable = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        if (this.#connection === undefined) reject(this.#unreachable(timeout))
      }, timeout)
    })
    try {
      await Promise.race([answer, unreachable])
    } finally {
      clearTimeout(timer)
    }
  }

  /** A request to the host itself, for the command line: `host.stop`, `host.status` and the like. */
  callHost(method: string, args?: unknown): Promise<unknown> {
    return this.#call(`host.${method}`, args)
  }

  /** Any request. It waits while there is no connection. */
  call(method: string, args?: unknown): Promise<unknown> {
    const why = this.#whyNot()
    return why === undefined ? this.#calls.call(method, args) : Promise.reject(why)
  }

  report(error: MsgvanError, toLogOnly?: boolean): void {
    this.#reports.report(error, toLogOnly)
  }

  /** As a host: the session of another process with that memory, or store, is not gone on with. Before it connects. */
  renews(memory: string | undefined): void {
    this.#session = ABANDONED
    this.#memory = memory
  }

  /** By which it is known whether what waits there is what waited there before. */
  get memory(): string | undefined {
    return this.#memory
  }

  /** As a host: another process goes on in its place. Nothing that comes counts any more, and no goodbye is said. */
  abandon(): void {
    this.#closing ??= Promise.resolve()
    this.#link.detach()
    this.#connection = undefined
    this.#connector.stop()
  }

  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  async #close({ drain = true, timeout = 10_000 }: CloseOptions): Promise<void> {
    const deadline = performance.now() + timeout
    this.#isDraining = drain
    if (this.#connection === undefined) this.#calls.rejectReads(closedError())
    // A host that will not have us takes nothing over.
    const until = (isDone: () => boolean) =>
      drain ? this.#drain.until(() => this.#refusal !== undefined || isDone(), deadline) : true
    // What others publish meanwhile is handed out for as long as our own publishes are on their way.
    const isTaken = this.#outbox.whetherTaken()
    const isAnswered = this.#isEndedByHost ? () => true : this.#calls.whetherLastingAnswered()
    await until(() => isTaken() && isAnswered())
    this.#inboxes.stop()
    if (!(await until(() => isAnswered() && this.#isDrained)))
      this.report(
        drainTimeout(
          timeout,
          this.#inboxes.unsettled(),
          this.#outbox.size,
          isAnswered() ? 0 : this.#calls.lasting,
        ),
      )
    this.#isDraining = false
    this.#outbox.rejectAll(closedError())
    this.#calls.rejectAll(closedError())
    if (this.#connection !== undefined) this.#inboxes.sayGoodbye()
    this.#link.signal(FrameKind.Bye)
    this.#link.detach()
    this.#inboxes.endAll(undefined)
    await this.#connection?.ended()
    this.#connection = undefined
    this.#connector.stop()
    this.#state$.next('closed')
    this.#state$.complete()
    this.#reports.end()
  }

  /** It closes before it has begun to connect, and something waits that must not be dropped. */
  get #owesHost(): boolean {
    return this.#isDraining && (!this.#outbox.isEmpty || this.#calls.lasting > 0)
  }

  get #isDrained(): boolean {
    return this.#outbox.isEmpty && this.#inboxes.inHand === 0 && this.#isQuiet
  }

  /**
   * No verdict is on its way to the host; without a session none would matter to it. What else may be on its way changes nothing once
   * this bus is gone: who asked for an answer is gone too, and a goodbye gives back what an unsubscribe does.
   */
  get #isQuiet(): boolean {
    return this.#session === undefined || (!this.#inboxes.isDirty && !this.#link.retainsAny(FrameKind.Settle))
  }

  #newLink(): Link {
    const table = new ReadingTable()
    return new Link({
      handle: (kind, body) => {
        receiveFrame(kind, body, {
          inboxes: this.#inboxes,
          calls: this.#calls,
          outbox: this.#outbox,
          report: error => this.report(error),
          missed: missed => this.#missed(missed),
          table,
          asHost: this.#asHost,
        })
        this.#drain.look()
      },
      acked: number => {
        this.#outbox.acked(number)
        this.#inboxes.confirmedThrough(number)
        this.#drain.look()
      },
      flush: () => {
        this.#outbox.flush()
        this.#inboxes.flush()
      },
      endOfTurn: run => queueMicrotask(run),
    })
  }

  #newConnector(options: RemoteBrokerOptions): Connector {
    const { url = '', locate = () => Promise.resolve(url), van, secret, pid, thread, dial, ca } = options
    const backoff = options.backoff ?? { initial: 50, max: 1_000 }
    return new Connector(
      { dial, ca, van, client: () => this.#client, pid, thread, credential: secret, locate, backoff },
      {
        session: () => this.#resumable(),
        welcome: (welcome, connection) => this.#welcome(welcome, connection),
        frame: bytes => {
          // It may have come before a standstill of this process, whose end nothing else has noticed yet.
          this.#inboxes.look()
          this.#link.receive(bytes)
        },
        disconnected: error => this.#disconnected(error),
        failed: (error, final) => this.#failed(error, final),
      },
    )
  }

  #resumable(): Prove['session'] {
    return this.#session === undefined ? undefined : { id: this.#session, received: this.#link.received }
  }

  #welcome(welcome: Welcome, connection: Connection): void {
    this.#refusal = undefined
    this.#isAwaited = false
    this.#reported.clear()
    this.#connection = connection
    const { maxPayload } = welcome
    const isTooMuch = this.#outbox.hostTakes(maxPayload) || this.#calls.exceeds(maxPayload + FRAME_OVERHEAD)
    if (!welcome.resumed && this.#session !== undefined) this.#renew(this.#session, welcome)
    // A frame that the host cannot take would end each connection anew.
    else if (isTooMuch) this.#writeAnew()
    // Until it fits together: what cannot be gone on with must not be claimed again.
    this.#session = UNFIT
    this.#link.attach(welcome.received, frame => connection.send(frame))
    this.#session = welcome.session
    this.#memory = welcome.memory
    if (this.#closing === undefined) this.#state$.next('connected')
    this.#drain.look()
  }

  /** The host does not know our session: it was restarted, or we were away for too long. */
  #renew(lost: string, { restored, memory }: Welcome): void {
    const isOther = this.#memory !== undefined && this.#memory !== memory
    const isNamedLost = isOther && this.#inboxes.named().length > 0
    // A host with a store goes on where it was; with names, or without subscriptions, there is nothing to miss there.
    const isWhole =
      restored === true || (restored === false && !isNamedLost && this.#inboxes.unnamed().length === 0)
    // What passed another host by, which was let in again, passed its clients by: they saw nothing of all this.
    if (this.#asHost !== undefined)
      this.#asHost.missed({ live: true, replayed: restored !== true, named: isOther })
    else if (lost !== ABANDONED && !isWhole)
      this.report(
        gapError(
          this.#inboxes.unnamed().map(({ request }) => request),
          isOther ? this.#inboxes.named().map(({ request }) => request) : [],
        ),
      )
    if (this.#asHost !== undefined) this.#outbox.rejectAll(new SessionLostError('The leader is a new one.'))
    this.#writeAnew()
  }

  /** The host says so of another one, which keeps what it does not. */
  #missed(missed: Missed): void {
    const requests = (inboxes: readonly Inbox[]) => inboxes.map(({ request }) => request)
    const gap = gapBeyond(missed, requests(this.#inboxes.unnamed()), requests(this.#inboxes.named()))
    if (gap !== undefined) this.report(gap)
  }

  /** What was asked for, and what was not taken over, in the frames of a new link. */
  #writeAnew(): void {
    this.#link.detach()
    this.#link = this.#newLink()
    this.#inboxes.reset()
    const { last } = this.#calls
    for (const inbox of this.#inboxes.confirmed()) this.#subscribe(inbox, true)
    this.#calls.askAgain(last)
    this.#outbox.renew(this.#link)
  }

  #disconnected(error: MsgvanError): void {
    this.#connection = undefined
    this.#awaySince = performance.now()
    this.#link.detach()
    if (this.#closing === undefined) this.#state$.next('reconnecting')
    if (!(error instanceof SessionLostError) || this.#asHost !== undefined) {
      // Not that it is gone, which `state$` says: that the two sides do not understand each other.
      if (error.code === 'MSGVAN_PROTOCOL') this.report(error)
      return
    }
    // Somebody else speaks as this client: as the same one again the two would take the session from each other for ever.
    this.#client = newId()
    this.report(error)
  }

  #failed(error: MsgvanError, final: boolean): void {
    this.#trouble = error
    this.#asHost?.failed(error)
    this.#reportOnce(error, final)
    if (!final) return
    this.#refusal = error
    this.#isAwaited = this.#isHostAwaited(error)
    this.#calls.rejectAll(error)
    // Nobody has refused what is published: it waits for the host that is to come.
    if (this.#isAwaited) this.#session ??= ABANDONED
    else {
      // What waits is refused, and must not go out after all once the host changes its mind.
      this.#outbox.rejectAll(error)
      this.#session = ABANDONED
    }
    this.#drain.look()
  }

  /** An outage is no trouble before it has lasted: a host that is started again is away for a moment. */
  #reportOnce(error: MsgvanError, final: boolean): void {
    if (this.#reported.has(error.code)) return
    const isSilence = !final && error.code === 'MSGVAN_HOST_UNREACHABLE'
    if (isSilence && (this.#asHost !== undefined || performance.now() - this.#awaySince < OUTAGE_MS)) return
    this.#reported.add(error.code)
    this.report(isSilence ? unreachable(`${error.message} This bus goes on trying.`, error) : error)
  }

  /** Again: what was kept has been replayed once; the host goes on where it was, if it knows. */
  #subscribe(inbox: Inbox, isAgain = false): void {
    inbox.isConfirmed = false
    const subscription = inbox.number
    // It was there: its rules are those that hold by now.
    const request = isAgain ? { ...inbox.request, from: undefined, joins: 'keep' as const } : inbox.request
    const { method, args } = inbox.asks ?? {
      method: 'subscribe',
      args: () => ({
        request: encodeRequest(request),
        ...(inbox.endsWithHost ? { endsWithHost: true } : {}),
        ...(inbox.verdicts.length === 0
          ? {}
          : { settled: encodeVerdicts(inbox.verdicts, inbox.incarnation) }),
      }),
    }
    // Left meanwhile, and its goodbye was for the session that is lost. One with a name is registered all the same.
    const leaveAgain = () => {
      if (inbox.hasLeft) this.#inboxes.leave(inbox, 0, [])
    }
    const isLasting = !isAgain && isLastingName(inbox.request.name)
    this.#calls
      .call(method, () => ({ subscription, ...args() }), leaveAgain, isLasting)
      .then(
        () => {
          this.#inboxes.confirm(inbox)
          inbox.verdictsTold()
        },
        (error: unknown) => {
          // A refusal of us all: the subscription waits until the host changes its mind.
          if (error === this.#refusal) inbox.isConfirmed = true
          else if (!inbox.hasLeft) this.#inboxes.end(inbox, error as MsgvanError)
        },
      )
  }

  #call(method: CallName, args?: unknown): Promise<unknown> {
    return this.call(method, args)
  }

  #whyNot(): MsgvanError | undefined {
    return this.#closing === undefined ? this.#refusal : closedError()
  }

  #whyNoPublish(): MsgvanError | undefined {
    if (this.#closing !== undefined && !this.#isFinishing) return closedError()
    return this.#isAwaited ? undefined : this.#refusal
  }

  /** It drains, and something is in hand: that may publish still. */
  get #isFinishing(): boolean {
    return this.#isDraining && this.#inboxes.inHand > 0
  }

  #unreachable(timeout: number): MsgvanError {
    const reason = this.#trouble === undefined ? '.' : `: ${this.#trouble.message}`
    // Elsewhere another host on this machine would not help.
    const advice = this.#isElsewhere ? '' : ' Start one with `msgvan start`.'
    return unreachable(
      `No host within ${timeout} ms${reason}${advice} This bus goes on trying.`,
      this.#trouble,
    )
  }
}

function unreachable(text: string, cause: MsgvanError | undefined): HostUnreachableError {
  return new HostUnreachableError(text, { cause })
}

/** The name is there when its consumer is gone. */
function isLastingName(name: string | undefined): boolean {
  return name !== undefined && !isExposure(name)
}
