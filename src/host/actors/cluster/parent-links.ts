import type { ChildExit } from '../../../workers/definition/actor.js'
import type { ActorAddress } from '../../../bus/contract/actor-ref.js'
import type { BornOf } from '../../../wire/calls/placing.js'
import type { Backbone } from '../../backbone/contract/backbone.js'
import { inTime } from '../../backbone/host-requests.js'
import type { Relations } from '../actor-host.js'
import { parentStopped } from '../actor-starts.js'
import type { Actors } from '../actors.js'

interface Child {
  readonly van: string
  readonly self: ActorAddress
  readonly host: string
  readonly bornOf?: BornOf | undefined
}

/** The longest wait for an actor and its children to finish their messages in hand. */
const STOP_MS = 25_000

/** Links between parents and children on different hosts: each host learns of an end on the other. */
export class ParentLinks implements Pick<Relations, 'endChildren' | 'retire' | 'childExited'> {
  readonly #here: Actors
  readonly #backbone: Backbone
  /** Children on other hosts, by their parents' ids and their own. */
  readonly #children = new Map<string, Map<string, Child>>()
  /** Children to stop on hosts that could not be reached. */
  readonly #unwanted = new Map<string, Child>()

  constructor(here: Actors, backbone: Backbone) {
    this.#here = here
    this.#backbone = backbone
    backbone.serve('actors.childExited', ({ van, parent, ...exit }) => {
      this.#children.get(parent)?.delete(exit.child.id)
      here.notifyParent(van, parent, exit)
      return true
    })
    backbone.serve('actors.adopt', ({ parent, ...child }) => {
      this.#adopted(parent, child)
      return true
    })
    backbone.serve('actors.retire', async ({ van, name, text }): Promise<true> => {
      await here.retire(van, name, text)
      return true
    })
  }

  /** Tells the host of a parent about a child on another host. @throws ActorStoppedError, RemoteError, TimeoutError; the child is stopped */
  async adopt(parentAt: string, parent: string, { van, self, host, bornOf }: Child): Promise<void> {
    try {
      await this.#backbone.request(parentAt, 'actors.adopt', { van, parent, self, host, bornOf })
    } catch (error) {
      this.discard({ van, self, host })
      throw error
    }
  }

  /** @throws ActorStoppedError */
  #adopted(parent: string, child: Child): void {
    if (!this.#here.has(child.van, parent) || this.#here.isOver(child.bornOf)) throw parentStopped(parent)
    const children = this.#children.get(parent) ?? new Map<string, Child>()
    this.#children.set(parent, children.set(child.self.id, child))
  }

  /** Stops it at once, or when its host can be reached again. */
  discard(child: Child): void {
    this.#stop(child).catch(() => this.#unwanted.set(child.self.id, child))
  }

  async endChildren(parent: string, incarnation?: string): Promise<void> {
    const all = this.#children.get(parent)
    const ending = [...(all?.values() ?? [])].filter(
      ({ bornOf }) => incarnation === undefined || bornOf?.incarnation === incarnation,
    )
    for (const { self } of ending) all?.delete(self.id)
    if (all?.size === 0) this.#children.delete(parent)
    await this.#endAll(ending)
  }

  async #endAll(children: readonly Child[]): Promise<void> {
    await Promise.all(
      children.map(child =>
        inTime(this.#stop(child), STOP_MS, `Host ${child.host}`).catch(() => {
          this.#unwanted.set(child.self.id, child)
        }),
      ),
    )
  }

  childExited(van: string, parent: string, parentHost: string, exit: ChildExit): void {
    // A host that cannot be reached treats its children here as gone, or is gone itself.
    this.#backbone.request(parentHost, 'actors.childExited', { van, parent, ...exit }).catch(() => undefined)
  }

  async retire(van: string, name: string, text: string): Promise<void> {
    // While the leader is away the subscription stays. The next consumer of its name gets its messages.
    await this.#backbone.requestLeader('actors.retire', { van, name, text }).catch(() => undefined)
  }

  /** That host is back. */
  came(host: string): void {
    for (const [id, child] of this.#unwanted) {
      if (child.host !== host) continue
      this.#unwanted.delete(id)
      this.discard(child)
    }
  }

  /** That host is gone, with its actors. */
  gone(host: string): void {
    for (const [id, child] of this.#unwanted) if (child.host === host) this.#unwanted.delete(id)
    for (const [parent, children] of this.#children) {
      for (const [id, child] of children) {
        const { van, self, host: itsHost, bornOf } = child
        if (itsHost !== host && bornOf?.host !== host) continue
        children.delete(id)
        if (itsHost !== host) {
          void this.#endAll([child])
          continue
        }
        this.#here.notifyParent(van, parent, { child: self, reason: 'crashed', detail: 'its host is gone' })
      }
    }
    this.#here.orphaned(host)
  }

  async #stop({ van, self: { id }, host }: Child): Promise<void> {
    await this.#backbone.request(host, 'actors.stop', {
      van,
      id,
      detail: 'its parent ended',
      isUnmissed: true,
    })
  }
}
