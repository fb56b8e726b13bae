import { MsgvanError } from '../../errors.js'
import type { Envelope } from '../../message/envelope.js'
import { fitsMatch } from '../../message/headers.js'
import { isMailTopic, isOwnMailbox, isRequest, isSystemTopic } from '../../message/topic.js'
import type { DrainIntake } from '../lifecycle/drain-intake.js'
import type { Lifetime } from '../lifecycle/lifetime.js'
import type { Registry } from '../lifecycle/registry.js'
import type { LocalBrokerOptions } from '../local-broker-options.js'
import type { WaitingMemory } from '../memory/waiting-memory.js'
import type { PatternTable } from '../patterns/pattern-table.js'
import { closedError, heldFull, memoryFull, outboxFull, overflow } from '../refusals.js'
import { Pause } from '../subscription/backlog/pause.js'
import type { Subscription } from '../subscription/subscription.js'
import type { Dispatcher } from './dispatcher.js'
import { ResponderChoice } from './responder-choice.js'
import type { Relay } from './relay.js'

/** Bytes that a full subscription may hold beyond `maxPendingBytes`. */
const MAX_HELD_BYTES = 64 * 1024 * 1024

export interface RouterOptions {
  readonly options: Pick<LocalBrokerOptions, 'coming' | 'unrouted' | 'maxHeld' | 'isWorking'>
  readonly registry: Registry
  readonly dispatcher: Dispatcher
  readonly lifetime: Lifetime
  readonly drainIntake: DrainIntake
  /** A target of every topic, with a store. */
  readonly journal: Subscription | undefined
  readonly memory: WaitingMemory
}

/**
 * Decides about each message that cannot go straight to its one subscription: who gets it, which publisher waits, which
 * publish is refused.
 */
export class Router {
  readonly #registry: Registry
  readonly #routes: PatternTable<Subscription>
  readonly #dispatcher: Dispatcher
  readonly #lifetime: Lifetime
  readonly #drainIntake: DrainIntake
  readonly #journal: Subscription | undefined
  readonly #options: RouterOptions['options']
  readonly #maxHeld: number
  readonly #memory: WaitingMemory
  readonly #responders = new ResponderChoice()

  constructor({ options, registry, dispatcher, lifetime, drainIntake, journal, memory }: RouterOptions) {
    this.#registry = registry
    this.#routes = registry.routes
    this.#dispatcher = dispatcher
    this.#lifetime = lifetime
    this.#drainIntake = drainIntake
    this.#journal = journal
    this.#memory = memory
    this.#options = options
    this.#maxHeld = options.maxHeld ?? 100_000
  }

  /**
   * @param from the relay of the host that sent it: it does not go back there
   * @param isAnswered its publisher learns of a refusal; else `overflow: 'error'` drops it
   * @returns undefined when the van owes the message now; an error if the message is refused, and no subscription gets it.
   *   Otherwise a promise, which resolves when all full subscriptions with `overflow: 'pause'` have room.
   */
  accept(
    envelope: Envelope,
    matching: readonly Subscription[],
    from?: Relay,
    isAnswered = true,
  ): undefined | Promise<void> | MsgvanError {
    if (this.#lifetime.refuses) return closedError()
    const wanting = this.#wanting(envelope, matching)
    const admitted = this.#lifetime.isClosed ? this.#drainIntake.admit(envelope.topic, wanting) : wanting
    const targets = admitted.length > 1 ? this.#chosen(envelope, admitted) : admitted
    let full: Subscription[] | undefined
    // Not for…of: in a host this runs once per message.
    for (let at = 0; at < targets.length; at += 1) {
      const target = targets[at]
      if (target?.isFull === true) (full ??= []).push(target)
    }
    const pausing = full?.filter(target => target.overflowOf(envelope.topic) === 'pause')
    const refusal = full === undefined ? undefined : this.#refusal(envelope, full, isAnswered)
    if (refusal !== undefined) return refusal
    if (this.#dispatcher.isBusy && this.#dispatcher.queued >= this.#maxHeld) return outboxFull(this.#maxHeld)
    const isCrowded = this.#memory.isFull && !this.#isUnrouted(targets)
    // Another host keeps what waits here: it gives no more than the credit of its relay.
    if (isCrowded && isAnswered && this.#memory.isOverfull) return memoryFull()
    if (this.#isUnrouted(targets)) {
      const coming = this.#acceptUnrouted(envelope, from, isAnswered)
      if (coming !== undefined) return coming
    }
    const pause =
      pausing === undefined || pausing.length === 0 ? undefined : new Pause(pausing, envelope.publisher, from)
    const isTooMuch = pausing?.some(target => !this.#mayHold(target, envelope)) === true
    // From here on the van owes it to every target.
    this.#dispatcher.run(envelope, targets, from === undefined, pause)
    const isHeld = pause?.isOver === false && (isAnswered || isTooMuch)
    const held = isHeld ? pause.done : undefined
    // The work of one that works frees memory: it must not wait for that.
    if (!isCrowded || this.#options.isWorking?.(envelope.publisher) === true) return held
    return Promise.all([held, this.#memory.room()]).then(() => undefined)
  }

  /** For a delayed message that is due: its publisher does not wait, and learns of nothing. */
  acceptDue(envelope: Envelope): undefined | Promise<void> | MsgvanError {
    const willing = this.#routes.match(envelope.topic).filter(target => !target.refused(envelope.topic))
    return this.accept(envelope, willing, undefined, false)
  }

  /** Like `accept`, for a message of another host. */
  acceptFrom(from: Relay, envelope: Envelope, isAnswered: boolean): undefined | Promise<void> | MsgvanError {
    const targets = from.others(this.#wanting(envelope, this.#routes.match(envelope.topic)))
    const willing = isAnswered ? targets : targets.filter(target => !target.refused(envelope.topic))
    return this.accept(envelope, willing, from, isAnswered)
  }

  /**
   * For a message that comes again, and that its subscriptions have had since before the start.
   *
   * @returns a promise that resolves when these have room; undefined if they have it now
   */
  awaitRoom(envelope: Envelope, from?: Relay): undefined | Promise<void> {
    const { topic, publisher } = envelope
    const full = this.#wanting(envelope, this.#routes.match(topic)).filter(
      target => target.isFull && target.overflowOf(topic) === 'pause',
    )
    if (full.length === 0 || this.#lifetime.isClosed) return undefined
    const pause = new Pause(full, publisher, from)
    for (const target of full) target.awaitRoom(pause)
    return pause.isOver ? undefined : pause.done
  }

  /** Leaves out subscriptions that want other headers. */
  #wanting({ topic, headers }: Envelope, matching: readonly Subscription[]): readonly Subscription[] {
    if (!this.#registry.matchesHeaders || isSystemTopic(topic)) return matching
    return matching.filter(({ rules: { match } }) => fitsMatch(match, headers))
  }

  /**
   * The relay that owed this message is gone: mail goes to the host in its place, if that host has the actor. Other
   * messages are unrouted.
   */
  reroute(envelope: Envelope): void {
    const { coming, unrouted } = this.#options
    if (this.#lifetime.isClosed || !isMailTopic(envelope.topic)) return
    const { topic } = envelope
    const targets = this.#routes.match(topic).filter(target => target !== this.#journal)
    // An actor here got it when it came: a follower keeps all mail for a leader whose wishes it does not know yet.
    if (isOwnMailbox(topic) && targets.some(({ rules }) => rules.name === topic)) return
    if (targets.length > 0) return this.#dispatcher.run(envelope, this.#chosen(envelope, targets), false)
    const arrival = coming?.(envelope)
    if (arrival === undefined) unrouted?.(envelope, 'left')
    else void arrival.then(() => this.reroute(envelope))
  }

  /**
   * @returns a promise if its subscription may be on its way
   */
  #acceptUnrouted(
    envelope: Envelope,
    from: Relay | undefined,
    isAnswered: boolean,
  ): undefined | Promise<void> {
    const { coming, unrouted } = this.#options
    const arrival = coming?.(envelope)
    if (arrival === undefined) {
      // The other host has not heard yet that the subscription ended. It asks again.
      unrouted?.(envelope, from === undefined ? 'no-responder' : 'left')
      return undefined
    }
    return arrival.then(() => {
      const taken =
        from === undefined
          ? this.accept(envelope, this.#routes.match(envelope.topic))
          : this.acceptFrom(from, envelope, isAnswered)
      return taken instanceof MsgvanError ? Promise.reject(taken) : taken
    })
  }

  /** A request goes to one of its targets. */
  #chosen({ topic }: Envelope, targets: readonly Subscription[]): readonly Subscription[] {
    return isRequest(topic) ? this.#responders.among(targets) : targets
  }

  #isUnrouted(targets: readonly Subscription[]): boolean {
    return targets.length === 0 || (targets.length === 1 && targets[0] === this.#journal)
  }

  /** The error for the publisher, if a full target refuses the message for all. */
  #refusal(envelope: Envelope, full: readonly Subscription[], isAnswered: boolean): MsgvanError | undefined {
    const refusing = full.find(target => target.overflowOf(envelope.topic) === 'error')
    if (refusing !== undefined) return overflow(refusing)
    if (!isAnswered) return undefined
    const crowded = full.find(
      target => target.overflowOf(envelope.topic) === 'pause' && !this.#mayHold(target, envelope),
    )
    return crowded === undefined ? undefined : heldFull(crowded)
  }

  #mayHold({ held, heldBytes }: Subscription, { size }: Envelope): boolean {
    return held < this.#maxHeld && (held === 0 || heldBytes + size <= MAX_HELD_BYTES)
  }
}
