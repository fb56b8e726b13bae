import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../support/random.js'
import type { Cast } from './cast.js'

type Kind = 'kill' | 'kill consumer' | 'stop' | 'cut' | 'restart'

/** What is done to the hosts and the links between them, drawn by chance; kills most of all. */
export class Troubles {
  readonly #cast: Cast
  readonly #random: Random
  readonly #count = new Map<Kind, number>()

  constructor(cast: Cast, random: Random) {
    this.#cast = cast
    this.#random = random
  }

  get kills(): number {
    return this.#count.get('kill') ?? 0
  }

  get summary(): string {
    return [...this.#count].map(([kind, times]) => `${times} × ${kind}`).join(', ')
  }

  async one(): Promise<void> {
    const kinds: readonly Kind[] = ['kill', 'kill', 'kill', 'kill', 'kill consumer', 'stop', 'cut', 'restart']
    const kind = kinds[this.#random.between(0, kinds.length - 1)] ?? 'kill'
    const at = this.#random.between(0, 2)
    this.#count.set(kind, (this.#count.get(kind) ?? 0) + 1)
    this.#cast.history.write({ what: 'fault', kind, whom: kind === 'kill consumer' ? 'mortal' : `host${at}` })
    if (kind === 'kill') await this.#kill(at)
    else if (kind === 'kill consumer') await this.#cast.mortalConsumer()
    else if (kind === 'stop') await this.#stop(at)
    else if (kind === 'cut') await this.#cut(this.#random.between(0, 1))
    else await this.#restart(at)
  }

  async #kill(at: number): Promise<void> {
    const host = this.#cast.host(at)
    await host.kill()
    // Now and then somebody comes back to an empty port first.
    if (this.#random.between(0, 2) === 0) await sleep(this.#random.between(50, 800))
    await host.start()
  }

  async #stop(at: number): Promise<void> {
    const pid = await this.#cast.host(at).pid()
    process.kill(pid, 'SIGSTOP')
    await sleep(this.#random.between(300, 6_000))
    process.kill(pid, 'SIGCONT')
  }

  async #cut(at: number): Promise<void> {
    const link = this.#cast.links[at]
    link?.cut()
    await sleep(this.#random.between(50, 3_000))
    link?.mend()
  }

  /** In order: by its own command, with the settings that it had. */
  async #restart(at: number): Promise<void> {
    await this.#cast.host(at).restart()
  }
}
