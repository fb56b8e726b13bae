import { DEFAULT_MAX_PAYLOAD } from '../codec/payload.js'
import type { SubscriptionRequest } from '../bus/contract/subscription-request.js'
import type { MsgvanError } from '../errors.js'
import { FrameKind } from '../wire/frames/frames.js'
import { ReadingTable } from '../wire/frames/string-table.js'
import { Link } from '../wire/link.js'
import { FRAME_OVERHEAD } from '../wire/protocol.js'
import { Calls } from './calls/calls.js'
import { receiveFrame, type Receivers, type ReceiversOwner } from './connection/receive-frame.js'
import type { Inbox } from './inbox/inbox.js'
import { Inboxes } from './inbox/inboxes.js'
import { SubscribeCalls } from './calls/subscribe-calls.js'
import { Outbox } from './outbox/outbox.js'
import { RuledPublishes } from './outbox/ruled-publishes.js'
import type { RemoteBrokerOptions } from './remote-broker-options.js'

export interface TrafficOwner extends ReceiversOwner {
  /** Work of a drain may be done. */
  changed(): void
  /** The consumer of a subscription is cut off from this process, or is back. */
  away(subscription: number, isAway: boolean): void
  /** Whether the host refuses this client as a whole by this error. */
  isRefusal(error: unknown): boolean
  /** The host has begun a subscription anew that an earlier one had confirmed. */
  begunAnew(request: SubscriptionRequest): void
}

/** Everything that crosses the link of a bus: publishes, deliveries, verdicts and calls. */
export class Traffic {
  readonly outbox: Outbox
  /** Publishes with an id, or a delay. */
  readonly ruled: RuledPublishes
  readonly inboxes: Inboxes
  readonly calls: Calls
  readonly #owner: TrafficOwner
  readonly #receivers: Receivers
  readonly #subscribeCalls: SubscribeCalls
  #link: Link

  constructor({ outbox = {}, maxPayload, asHost }: RemoteBrokerOptions, owner: TrafficOwner) {
    this.#owner = owner
    this.#link = this.#newLink()
    this.outbox = new Outbox(this.#link, {
      maxMessages: outbox.maxMessages ?? 100_000,
      maxBytes: outbox.maxBytes ?? 64 * 1024 * 1024,
      maxPayload: maxPayload ?? DEFAULT_MAX_PAYLOAD,
    })
    this.calls = new Calls(
      frame => {
        // In the order of the app's own calls: an unsubscribe before the next subscribe, a publish before a later subscribe.
        this.#flush()
        this.#link.send(FrameKind.Call, frame)
      },
      () => this.outbox.maxPayload + FRAME_OVERHEAD,
    )
    this.ruled = new RuledPublishes({
      maxMessages: outbox.maxMessages ?? 100_000,
      maxBytes: outbox.maxBytes ?? 64 * 1024 * 1024,
      maxPayload: () => this.outbox.maxPayload,
      call: args => this.calls.call('publish', args),
      changed: () => owner.changed(),
    })
    this.inboxes = new Inboxes({
      wake: () => this.#link.wake(),
      report: error => owner.report(error),
      send: (kind, frame) => this.#link.send(kind, frame),
      sayHere: () => this.#link.signal(FrameKind.Ack),
      withdrawnSettled: () => owner.changed(),
      away: (subscription, isAway) => owner.away(subscription, isAway),
    })
    this.#subscribeCalls = new SubscribeCalls(this.calls, this.inboxes, owner)
    const { inboxes, calls } = this
    this.#receivers = { inboxes, calls, outbox: this.outbox, asHost, owner }
  }

  /** The last frame that arrived in this session. */
  get received(): number {
    return this.#link.received
  }

  /** The host has not handled all verdicts. */
  get hasVerdicts(): boolean {
    return this.inboxes.isDirty || this.#link.retainsAny(FrameKind.Settle)
  }

  /** Asks the host for a new subscription. */
  subscribe(inbox: Inbox): void {
    this.#subscribeCalls.subscribe(inbox)
  }

  send(kind: FrameKind, frame: Uint8Array): void {
    this.#link.send(kind, frame)
  }

  /** @throws ProtocolError */
  receive(bytes: Uint8Array): void {
    // The frame may have arrived before a standstill of this process.
    this.inboxes.look()
    this.#link.receive(bytes)
  }

  /** @param received the last frame that the host has */
  attach(received: number, transmit: (frame: Uint8Array) => void): void {
    this.calls.attached()
    this.#link.attach(received, transmit)
  }

  detach(): void {
    this.calls.detached()
    this.#link.detach()
  }

  /** The host takes payloads of this size. @returns whether a frame is too large for it, so that you have to call `renew` */
  hostTakes(maxPayload: number): boolean {
    return this.outbox.hostTakes(maxPayload) || this.calls.exceeds(maxPayload + FRAME_OVERHEAD)
  }

  /** Writes everything that the host has not accepted or answered into the frames of a new link. */
  renew(): void {
    this.#link.detach()
    this.#link = this.#newLink()
    this.inboxes.reset()
    const { last } = this.calls
    for (const inbox of this.inboxes.confirmed()) this.#subscribeCalls.subscribe(inbox, true)
    this.calls.askAgain(last)
    this.outbox.renew(this.#link)
  }

  /**
   * The bus closes: rejects everything that waits.
   *
   * @param isConnected says goodbye to the host
   */
  end(error: MsgvanError, isConnected: boolean): void {
    this.outbox.rejectAll(error)
    this.ruled.rejectAll(error)
    this.calls.rejectAll(error)
    if (isConnected) this.inboxes.sayGoodbye()
    this.#link.signal(FrameKind.Bye)
    this.#link.detach()
    this.inboxes.endAll(undefined)
  }

  #flush(): void {
    this.inboxes.flush()
    this.outbox.flush()
  }

  #newLink(): Link {
    const table = new ReadingTable()
    return new Link({
      handle: (kind, body) => {
        receiveFrame(kind, body, table, this.#receivers)
        this.#owner.changed()
      },
      acked: number => {
        this.outbox.acked(number)
        this.inboxes.sent.confirmedThrough(number)
        this.#owner.changed()
      },
      flush: () => {
        this.outbox.flush()
        this.inboxes.flush()
      },
      endOfTurn: run => queueMicrotask(run),
    })
  }
}
