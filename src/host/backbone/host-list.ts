import { isSameHost } from '../../bus/contract/hosts.js'
import type { HostStatus } from '../../bus/contract/status.js'
import type { KnownHosts } from './contract/known-hosts.js'

interface Entry {
  readonly status: HostStatus
  /** By `performance.now()`: its `uptimeMs` was true then. */
  readonly at: number
}

/** The hosts that this one knows: itself, and those that it can reach by the backbone. */
export class HostList implements KnownHosts {
  readonly #self: () => HostStatus
  readonly #others = new Map<string, Entry>()
  readonly #watchers = new Set<() => void>()

  constructor(self: () => HostStatus) {
    this.#self = self
  }

  /**
   * Called after each change.
   *
   * @returns ends that
   */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed)
    return () => void this.#watchers.delete(changed)
  }

  /** This host's own status has changed. */
  selfChanged(): void {
    this.#changed()
  }

  get self(): HostStatus {
    return this.#self()
  }

  /** This host first. */
  list(): HostStatus[] {
    const now = performance.now()
    const others = [...this.#others.values()].map(({ status, at }) => ({
      ...status,
      uptimeMs: Math.round(status.uptimeMs + now - at),
    }))
    return [this.#self(), ...others]
  }

  set(status: HostStatus): void {
    const before = this.#others.get(status.id)?.status
    this.#others.set(status.id, { status, at: performance.now() })
    if (before === undefined || !isSameHost(before, status)) this.#changed()
  }

  delete(id: string): void {
    if (this.#others.delete(id)) this.#changed()
  }

  /** Replaces all others. */
  replace(others: readonly HostStatus[]): void {
    const before = [...this.#others.values()].map(({ status }) => status)
    const own = this.#self().id
    this.#others.clear()
    for (const status of others)
      if (status.id !== own) this.#others.set(status.id, { status, at: performance.now() })
    const after = [...this.#others.values()].map(({ status }) => status)
    const isUnchanged =
      before.length === after.length &&
      after.every(status => before.some(each => each.id === status.id && isSameHost(each, status)))
    if (!isUnchanged) this.#changed()
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher()
  }
}
