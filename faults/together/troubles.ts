import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../support/random.js'
import { msgvanMain } from '../../spec/support/sandbox.js'
import type { Cast } from './cast.js'
import { OTHER_PROTOCOL } from './history.js'
import { nameOf } from './roles.js'

type Kind = 'kill' | 'kill consumer' | 'stop' | 'cut' | 'restart' | 'upgrade' | typeof OTHER_PROTOCOL

const KILLS_OF_SIXTEEN = 10
const others: readonly Kind[] = ['kill consumer', 'stop', 'cut', 'restart', 'upgrade', OTHER_PROTOCOL]

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
    const drawn = this.#random.between(0, KILLS_OF_SIXTEEN + others.length - 1)
    await this.do(others[drawn - KILLS_OF_SIXTEEN] ?? 'kill')
  }

  async do(kind: Kind): Promise<void> {
    const at = this.#random.between(0, 2)
    this.#count.set(kind, (this.#count.get(kind) ?? 0) + 1)
    switch (kind) {
      case 'kill':
        this.#says(kind, nameOf(at))
        return this.#kill(at)
      case 'kill consumer':
        this.#says(kind, 'mortal')
        return this.#cast.mortalConsumer()
      case 'stop':
        this.#says(kind, nameOf(at))
        return this.#stop(at)
      case 'cut': {
        const link = this.#random.between(0, 1)
        this.#says(kind, `link${link}`)
        return this.#cut(link)
      }
      case 'restart':
        this.#says(kind, nameOf(at))
        return this.#cast.host(at).restart()
      case 'upgrade':
        this.#says(kind, nameOf(at))
        return this.#upgrade(at)
      case OTHER_PROTOCOL:
        return this.#otherProtocol(this.#random.between(0, 1) === 0 ? [at] : [0, 1, 2])
    }
  }

  #says(kind: string, whom: string): void {
    this.#cast.history.write({ what: 'fault', kind, whom })
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

  /** To another version that speaks the same, or back: its clients are of this one all the while. */
  async #upgrade(at: number): Promise<void> {
    const host = this.#cast.host(at)
    host.main = host.main === msgvanMain ? this.#cast.others.newer : msgvanMain
    await host.restart()
  }

  /** To a version that no client and no other host here understands, and back. */
  async #otherProtocol(all: readonly number[]): Promise<void> {
    const hosts = all.map(at => this.#cast.host(at))
    const before = hosts.map(({ main }) => main)
    for (const [i, host] of hosts.entries()) {
      this.#says(OTHER_PROTOCOL, nameOf(all[i] ?? 0))
      host.main = this.#cast.others.foreign
      await host.restart()
    }
    await sleep(this.#random.between(300, 4_000))
    for (const [i, host] of hosts.entries()) {
      const at = all[i] ?? 0
      host.main = before[i] ?? msgvanMain
      // Some that went over do not live to be taken back.
      const isKilled = this.#random.between(0, 3) === 0
      this.#says(isKilled ? 'kill' : 'back', nameOf(at))
      if (isKilled) await this.#kill(at)
      else await host.restart()
    }
  }
}
