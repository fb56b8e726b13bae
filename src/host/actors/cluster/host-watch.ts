import type { KnownHosts } from '../../backbone/contract/known-hosts.js'

/** A host that comes back earlier was only cut off. */
const GONE_MS = 10_000

export interface HostWatchEvents {
  /** It was away for so long that its actors count as ended. */
  gone(host: string): void
  /** It is here, for the first time or again. */
  came(host: string): void
}

/** Distinguishes hosts that are gone from hosts that are cut off for a moment. */
export class HostWatch {
  readonly #members: KnownHosts
  readonly #events: HostWatchEvents
  readonly #patience: number
  readonly #there = new Set<string>()
  readonly #away = new Map<string, NodeJS.Timeout>()
  readonly #unwatch: () => void

  constructor(members: KnownHosts, events: HostWatchEvents, patience = GONE_MS) {
    this.#members = members
    this.#events = events
    this.#patience = patience
    this.#unwatch = members.watch(() => this.#look())
    this.#look()
  }

  close(): void {
    this.#unwatch()
    for (const timer of this.#away.values()) clearTimeout(timer)
    this.#away.clear()
  }

  #look(): void {
    const now = new Set(this.#members.list().map(({ id }) => id))
    for (const host of this.#there) if (!now.has(host)) this.#left(host)
    for (const host of now) if (!this.#there.has(host)) this.#came(host)
  }

  #left(host: string): void {
    this.#there.delete(host)
    const timer = setTimeout(() => {
      this.#away.delete(host)
      this.#events.gone(host)
    }, this.#patience)
    this.#away.set(host, timer.unref())
  }

  #came(host: string): void {
    this.#there.add(host)
    clearTimeout(this.#away.get(host))
    this.#away.delete(host)
    this.#events.came(host)
  }
}
