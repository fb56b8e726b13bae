import type { Observable } from 'rxjs'
import { isReplyInbox } from '../bus/actors/reply-inbox.js'
import { refusedWith } from '../bus/caught.js'
import type { Broker, BusState, CloseOptions, Consumer, Membership } from '../bus/contract/broker.js'
import type { Control } from '../bus/contract/control.js'
import { isPlain, type PublishRules } from '../bus/contract/options.js'
import type { SubscriptionRequest } from '../bus/contract/subscription-request.js'
import { CurrentState } from '../bus/current-state.js'
import { longTimeout } from '../bus/long-timeout.js'
import { Reports } from '../bus/reports.js'
import type { MsgvanError } from '../errors.js'
import type { Envelope, Headers } from '../message/envelope.js'
import { expiring } from '../broker/delayed/expiry.js'
import type { CallArgs, CallName, HostMethod, ResultOf } from '../wire/calls/calls.js'
import type { FrameKind } from '../wire/frames/frames.js'
import { RemoteControl } from './calls/remote-control.js'
import { ClientSession } from './client-session.js'
import { Draining } from './draining.js'
import { closedError, type Outbox } from './outbox/outbox.js'
import type { PublishPromise } from './outbox/publish-promise.js'
import type { RemoteBrokerOptions } from './remote-broker-options.js'
import { Traffic } from './traffic.js'

export type { RemoteBrokerOptions }

/**
 * A bus's Broker in a host. Constructing it does no I/O before the current turn is over. It stays connected, and the
 * process alive, until it is closed.
 */
export class RemoteBroker implements Broker {
  readonly checksPayloads = true
  readonly control: Control = new RemoteControl(this, (name, ...args) => this.call(name, ...args))
  readonly #readyTimeout: number
  readonly #state$ = new CurrentState<BusState>('connecting')
  readonly #reports = new Reports()
  readonly #traffic: Traffic
  readonly #outbox: Outbox
  readonly #session: ClientSession
  readonly #draining: Draining
  /** The host refuses this bus by it, and `errors$` has it. */
  #reportedRefusal: MsgvanError | undefined
  #closing: Promise<void> | undefined

  constructor(options: RemoteBrokerOptions) {
    this.#readyTimeout = options.readyTimeout ?? 10_000
    const report = (error: MsgvanError) => this.report(error)
    const changed = () => this.#draining.look()
    this.#traffic = new Traffic(options, {
      report,
      changed,
      missed: missed => this.#session.missed(missed),
      away: (subscription, isAway) => {
        this.call('away', { subscription, isAway }).catch(() => undefined)
      },
      isRefusal: error => error === this.#session.refusal,
      begunAnew: request => this.#session.begunAnew(request),
    })
    this.#outbox = this.#traffic.outbox
    this.#session = new ClientSession(options, this.#traffic, {
      report,
      changed,
      connected: () => this.#becomes('connected'),
      reconnecting: () => this.#becomes('reconnecting'),
    })
    const { isEndedByHost = false, isHostEnded = () => false } = options
    const { session, traffic } = { session: this.#session, traffic: this.#traffic }
    this.#draining = new Draining({ traffic, session, report, isEndedByHost, isHostEnded })
    queueMicrotask(() => {
      if (this.#closing === undefined || this.#draining.owesHost) this.#session.connect()
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

  publishRuled(
    topic: string,
    payload: unknown,
    headers: Headers,
    rules: PublishRules,
    refused?: (error: unknown) => void,
  ): Promise<void> {
    const why = this.#whyNoPublish()
    if (why !== undefined) return refusedWith(why, refused)
    if (!isPlain(rules)) return this.#traffic.ruled.publish(topic, payload, headers, rules, refused)
    const expires = Date.now() + (rules.ttl ?? 0)
    return this.#outbox.publish(topic, payload, expiring(headers, expires), refused)
  }

  consume(request: SubscriptionRequest, consumer: Consumer): Membership {
    const { inboxes } = this.#traffic
    const inbox = inboxes.open(request, consumer)
    if (this.#closing !== undefined && !(this.#draining.isFinishing && isReplyInbox(request)))
      inboxes.end(inbox, closedError())
    else this.#traffic.subscribe(inbox)
    return inbox.membership
  }

  /** For a host: passes on a publish of another client, with its payload in bytes; undefined without room. */
  passOn(envelope: Envelope): PublishPromise | undefined {
    return this.#whyNot() === undefined ? this.#outbox.passOn(envelope) : undefined
  }

  /** For a host: joins a leader, and consumes its messages. @param introduction called whenever the call is sent */
  join(introduction: () => object, request: SubscriptionRequest, consumer: Consumer): Membership {
    const inbox = this.#traffic.inboxes.open(request, consumer)
    inbox.introduction = introduction
    this.#traffic.subscribe(inbox)
    return inbox.membership
  }

  /** For a host: sends a frame, in order with everything else in this session. */
  send(kind: FrameKind, frame: Uint8Array): void {
    this.#traffic.send(kind, frame)
  }

  /** The host answers in order, so its answer comes after it has acted on all earlier frames. */
  async ready(timeout = this.#readyTimeout): Promise<void> {
    const answer = this.call('ready')
    let cancel = (): void => undefined
    const unreachable = new Promise<never>((_, reject) => {
      cancel = longTimeout(() => {
        if (!this.#session.isConnected) reject(this.#session.unreachable(timeout))
      }, timeout)
    })
    try {
      await Promise.race([answer, unreachable])
    } finally {
      cancel()
    }
  }

  /** A call to the host process itself, for the command line: `host.stop`, `host.status` and the like. */
  callHost<M extends HostMethod>(method: M, ...args: CallArgs<`host.${M}`>): Promise<ResultOf<`host.${M}`>> {
    return this.call(`host.${method}`, ...args)
  }

  /** Any call. It waits while there is no connection. */
  call<N extends CallName>(name: N, ...[args]: CallArgs<N>): Promise<ResultOf<N>> {
    const why = this.#whyNot()
    return why === undefined ? this.#traffic.calls.call(name, args) : Promise.reject(why)
  }

  report(error: MsgvanError, toLogOnly?: boolean): void {
    // Each refused publish has it too.
    const isRefusal = error === this.#session.refusal
    if (isRefusal && error === this.#reportedRefusal) return
    if (isRefusal) this.#reportedRefusal = error
    this.#reports.report(error, toLogOnly)
  }

  /**
   * For a host, before it connects: another process, with this memory or store, had a session. A new one follows it.
   */
  renews(memory: string | undefined): void {
    this.#session.renews(memory)
  }

  /** Identifies the host's memory, which shows whether the host still has its earlier messages. */
  get memory(): string | undefined {
    return this.#session.memory
  }

  /** For a host: another process takes its place. It drops the connection without a goodbye. */
  abandon(): void {
    this.#closing ??= Promise.resolve()
    this.#session.abandon()
  }

  close(options: CloseOptions = {}, endsProcess = false): Promise<void> {
    this.#closing ??= this.#close(options, endsProcess)
    return this.#closing
  }

  async #close(
    { drain = true, timeout = 10_000, signal }: CloseOptions,
    endsProcess: boolean,
  ): Promise<void> {
    const error = closedError()
    if (!this.#session.isConnected) this.#traffic.calls.rejectReads(error)
    await this.#draining.run(drain, timeout, endsProcess, signal)
    this.#traffic.end(error, this.#session.isConnected)
    await this.#session.end()
    this.#state$.next('closed')
    this.#state$.complete()
    this.#reports.end()
  }

  #becomes(state: BusState): void {
    if (this.#closing === undefined) this.#state$.next(state)
  }

  /** The error of calls. */
  #whyNot(): MsgvanError | undefined {
    return this.#closing === undefined ? this.#session.refusal : closedError()
  }

  #whyNoPublish(): MsgvanError | undefined {
    if (this.#closing !== undefined && !this.#draining.isFinishing) return closedError()
    return this.#session.publishRefusal
  }
}
