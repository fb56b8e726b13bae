import type { ChildExit, ExitReason } from '../../workers/definition/actor.js'
import { MAILBOX } from '../../message/topic.js'
import { inTime } from '../backbone/host-requests.js'
import type { ActorHost, Relations } from './actor-host.js'
import type { ActorSubscriptions } from './actor-subscriptions.js'
import type { ActorTable } from './actor-table.js'
import { label, type RunningActor } from './running-actor.js'

/** An end waits at most this long until the actor's messages are dead letters. That work goes on afterwards. */
const RETIRED_MS = 10_000

export interface ActorEndsOptions {
  readonly host: ActorHost
  readonly table: ActorTable
  readonly subscriptions: ActorSubscriptions
  readonly relations: () => Relations | undefined
  readonly notifyParent: (van: string, parent: string, exit: ChildExit) => void
}

/** Ends the actors of one host: first their messages in hand, then their children, then their mailboxes. */
export class ActorEnds {
  /** The host ends. */
  isStopping = false
  readonly #options: ActorEndsOptions

  constructor(options: ActorEndsOptions) {
    this.#options = options
  }

  endSoon(actor: RunningActor, reason: ExitReason, detail: string): void {
    this.end(actor, reason, detail).catch((error: unknown) =>
      this.#options.host.log.error(`actor ${label(actor.self)} could not be stopped`, error),
    )
  }

  end(actor: RunningActor, reason: ExitReason, detail: string): Promise<void> {
    actor.ending ??= this.#end(actor, reason, detail)
    return actor.ending
  }

  async #end(actor: RunningActor, reason: ExitReason, detail: string): Promise<void> {
    const { host, table, subscriptions, relations } = this.#options
    const { van, self, request } = actor
    const wasUp = actor.isUp
    actor.isUp = false
    await actor.instances.stop()
    // Its last work may still ask its children, so they end after it.
    await Promise.all([
      ...table.childrenOf(self.id).map(child => this.end(child, 'stopped', 'its parent ended')),
      relations()?.endChildren(self.id),
    ])
    table.delete(actor)
    host.modulesChanged?.()
    const names = [...subscriptions.of(self.id).keys()]
    subscriptions.forget(self.id)
    if (actor.isForLater === true) return
    const text = `Actor ${label(self)} has ended: ${detail}.`
    // A host with a store keeps its actors and their messages when it ends.
    const isKept = host.keepActor !== undefined && request.parent === undefined
    const mailbox = this.isStopping && isKept ? undefined : host.broker(van).retire(MAILBOX + self.id, text)
    if (wasUp) this.#notifyParent(actor, { child: self, reason, detail })
    if (this.isStopping) return
    // It stays kept until its messages are dead letters: a host that dies before that has it again.
    const retired = Promise.all([mailbox, ...names.map(name => this.#retire(van, name, text))])
    await inTime(retired, RETIRED_MS, `Actor ${label(self)}`).catch(() => undefined)
    if (wasUp && isKept) await host.keepActor?.(van, self.id, undefined)
  }

  #notifyParent({ van, request: { parent }, parentHost, isUnmissed }: RunningActor, exit: ChildExit): void {
    if (parent === undefined || isUnmissed === true) return
    if (parentHost === undefined) this.#options.notifyParent(van, parent, exit)
    else this.#options.relations()?.childExited(van, parent, parentHost, exit)
  }

  /** The subscription is at this host, or at the leader. */
  async #retire(van: string, name: string, text: string): Promise<void> {
    const relations = this.#options.relations()
    if (relations === undefined) await this.#options.host.broker(van).retire(name, text)
    else await relations.retire(van, name, text)
  }
}
