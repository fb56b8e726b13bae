import type { SubscriptionRequest } from '../../src/bus/contract/subscription-request.js'
import {
  outlivesHost,
  type KeptName,
  type NamedRequest,
  type NameRegister,
} from '../../src/host/van/names-file.js'

/** The file in which a host without a store keeps its names for the next one: it outlives its hosts. */
export class NamesFile {
  readonly #names = new Map<string, KeptName>()

  read(): KeptName[] {
    return [...this.#names.values()]
  }

  set(key: string, name: KeptName | undefined): void {
    if (name === undefined) this.#names.delete(key)
    else this.#names.set(key, name)
  }

  clear(): void {
    this.#names.clear()
  }
}

/** One host's hold on it: what is not written when it dies is not there. */
export class SimNames implements NameRegister {
  readonly #file: NamesFile
  readonly #changes = new Map<string, KeptName | undefined>()
  #isScheduled = false

  constructor(file: NamesFile) {
    this.#file = file
  }

  changed(van: string, name: string, rules: SubscriptionRequest | undefined): void {
    if (!outlivesHost(name, rules)) return
    const request: NamedRequest | undefined = rules && { ...rules, name, from: undefined }
    this.#changes.set(`${van} ${name}`, request && { van, request })
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.write()
    })
  }

  write(): void {
    for (const [key, name] of this.#changes) this.#file.set(key, name)
    this.#changes.clear()
  }

  /** As in a host that is stopped: the next one knows no names. */
  end(): void {
    this.#changes.clear()
    this.#file.clear()
  }
}
