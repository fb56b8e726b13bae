import type { ChildExit, ExitReason } from '../../actors/definition/actor.js'
import { MAILBOX } from '../../message/topic.js'
import { inTime } from '../backbone/host-requests.js'
import type { ActorHost, Relations } from './actor-host.js'
import type { ActorSubscriptions } from './actor-subscriptions.js'
import { label, type RunningActor } from './running-actor.js'

/** Who waits for an actor's end waits at most so long for what it was owed to be given up: that goes on all the same. */
const RETIRED_MS = 10_000

export interface ActorEndsMeans {
  readonly host: ActorHost
  readonly subscriptions: ActorSubscriptions
  readonly relations: () => Relations | undefined
  /** Those that this host keeps. */
  readonly childrenOf: (parent: string) => RunningActor[]
  /** It is off the list. */
  readonly gone: (actor: RunningActor) => void
  readonly tellParent: (van: string, parent: string, exit: ChildExit) => void
}

/** How actors that this host keeps end: with what they have in hand done, their children, and what they are still owed. */
export class ActorEnds {
  /** The host ends. */
  isStopping = false
  readonly #means: ActorEndsMeans

  constructor(means: ActorEndsMeans) {
    this.#means = means
  }

  endSoon(actor: RunningActor, reason: ExitReason, detail: string): void {
    this.end(actor, reason, detail).catch((error: unknown) =>
      this.#means.host.log.error(`actor ${label(actor.self)} could not be stopped`, error),
    )
  }

  end(actor: RunningActor, reason: ExitReason, detail: string): Promise<void> {
    actor.ending ??= this.#end(actor, reason, detail)
    return actor.ending
  }

  async #end(actor: RunningActor, reason: ExitReason, detail: string): Promise<void> {
    const { host, subscriptions, childrenOf, relations } = this.#means
    const { van, self, request } = actor
    const wasUp = actor.isUp
    actor.isUp = false
    await actor.cast.stop()
    // After it, so that what it did last may still ask them.
    await Promise.all([
      ...childrenOf(self.id).map(child => this.end(child, 'stopped', 'its parent ended')),
      relations()?.endChildren(self.id),
    ])
    this.#means.gone(actor)
    const names = [...subscriptions.of(self.id).keys()]
    subscriptions.forget(self.id)
    if (actor.isForLater === true) return
    const text = `Actor ${label(self)} is no more: ${detail}.`
    // A host that ends keeps what it was told to keep, and with a store its actors and their mail.
    const isKept = host.keepActor !== undefined && request.parent === undefined
    const mailbox = this.isStopping && isKept ? undefined : host.broker(van).retire(MAILBOX + self.id, text)
    if (wasUp) this.#tellParent(actor, { child: self, reason, detail })
    if (this.isStopping) return
    // It is kept until what it was owed is certain to be given up: a host that dies before that has it again.
    const retired = Promise.all([mailbox, ...names.map(name => this.#retire(van, name, text))])
    await inTime(retired, RETIRED_MS, `Actor ${label(self)}`).catch(() => undefined)
    if (wasUp && isKept) await host.keepActor?.(van, self.id, undefined)
  }

  #tellParent({ van, request: { parent }, parentHost, isUnmissed }: RunningActor, exit: ChildExit): void {
    if (parent === undefined || isUnmissed === true) return
    if (parentHost === undefined) this.#means.tellParent(van, parent, exit)
    else this.#means.relations()?.childExited(van, parent, parentHost, exit)
  }

  /** Where it is kept: here, or at the leader. */
  async #retire(van: string, name: string, text: string): Promise<void> {
    const relations = this.#means.relations()
    if (relations === undefined) await this.#means.host.broker(van).retire(name, text)
    else await relations.retire(van, name, text)
  }
}
