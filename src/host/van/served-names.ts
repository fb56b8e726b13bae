import type { LocalBroker } from '../../broker/local-broker.js'
import { NameTakenError } from '../../errors.js'
import type { NamedRequest } from './names-file.js'
import type { VanStore } from '../store/van-store.js'
import { RecentMap } from './recent-map.js'

const UNSUBSCRIBED_REMEMBERED = 10_000

/** Which of the handlers and actors that want a name got it last. One of a host that was away may not know. */
export class ServedNames {
  readonly #unsubscribed = new RecentMap<string, number>({ max: UNSUBSCRIBED_REMEMBERED })

  unsubscribed(name: string): void {
    this.#unsubscribed.set(name, Date.now())
  }

  /**
   * Registers the subscription of a handler or an actor, and replaces the one of that name.
   *
   * @returns since when it has the name
   * @throws InvalidPatternError, UnsupportedError (`from` without a store), NameTakenError (it had the name, and has it
   *   no longer)
   */
  async replace(
    request: NamedRequest,
    { broker, vanStore }: { readonly broker: LocalBroker; readonly vanStore?: VanStore | undefined },
  ): Promise<number> {
    const from = request.from === undefined ? undefined : await vanStore?.start(request)
    const servedSince = this.#since(request, broker.named())
    broker.replace({ ...request, servedSince, from: from ?? request.from })
    return servedSince
  }

  #since({ name, servedSince }: NamedRequest, named: readonly NamedRequest[]): number {
    const present = named.find(each => each.name === name)
    const before = Math.max(present?.servedSince ?? 0, this.#unsubscribed.get(name) ?? 0)
    if (servedSince === undefined) return Math.max(Date.now(), before + 1)
    if (servedSince >= before) return servedSince
    throw new NameTakenError(
      `The subscription ${name} was unsubscribed, or got another handler or actor, while the host of this one was away.`,
    )
  }
}
