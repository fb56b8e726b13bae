import type { RunningActor } from './running-actor.js'

/** The actors that one host has, by id. */
export class ActorTable {
  readonly #actors = new Map<string, RunningActor>()

  get size(): number {
    return this.#actors.size
  }

  get all(): RunningActor[] {
    return [...this.#actors.values()]
  }

  add(actor: RunningActor): void {
    this.#actors.set(actor.self.id, actor)
  }

  delete({ self }: RunningActor): void {
    this.#actors.delete(self.id)
  }

  get(van: string, id: string): RunningActor | undefined {
    const actor = this.#actors.get(id)
    return actor?.van === van ? actor : undefined
  }

  /** The actor, unless it is ending. */
  lasting(van: string, id: string): RunningActor | undefined {
    const actor = this.get(van, id)
    return actor?.ending === undefined ? actor : undefined
  }

  /** The actor of that name, if it is set up and not ending. */
  named(van: string, name: string): RunningActor | undefined {
    return this.all.find(actor => actor.isUp && actor.van === van && actor.self.name === name)
  }

  inVan(van: string): RunningActor[] {
    return this.all.filter(actor => actor.van === van)
  }

  childrenOf(parent: string): RunningActor[] {
    return this.all.filter(({ request }) => request.parent === parent)
  }
}
