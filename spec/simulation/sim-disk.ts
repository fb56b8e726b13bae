import { ClosedError, StoreError, StoreFullError } from '../../src/errors.js'
import { logsIn } from '../../src/host/store/accounts.js'
import { decodeDamages, encodeDamages } from '../../src/store/damage.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import {
  DAMAGES_KEY,
  type Chunk,
  type Store,
  type StoreInfo,
  type StoreTransaction,
  type Table,
} from '../../src/store/store.js'
import type { Random } from './random.js'
import type { Trace } from './trace.js'
import type { VirtualClock } from './virtual-clock.js'
import type { VirtualProcess } from './virtual-process.js'

/**
 * `full`: nothing is accepted; `failing`: what is being written fails, as on a disk that has become read-only; `gone`: its folder is
 * not there, so that nothing is accepted and nothing is written.
 */
export type DiskTrouble = 'full' | 'failing' | 'gone'

export interface SimDiskOptions {
  readonly clock: VirtualClock
  readonly random: Random
  readonly trace: Trace
  /** Of one write, in milliseconds. */
  readonly latency: () => number
  /** Called when something is about to be written, and when it is on the disk and nobody knows: moments to be killed in. */
  readonly moment: () => void
  /** A write failed. */
  readonly failed: () => void
}

interface Write {
  readonly steps: readonly ((content: StoreTransaction) => void)[]
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** A disk that outlives the hosts that write on it. What is on its way to it when its host dies is there or not, as a whole. */
export class SimDisk {
  trouble: DiskTrouble | undefined
  /** Each write takes so many milliseconds longer. */
  slowness = 0
  readonly #options: SimDiskOptions
  readonly #content = new MemoryStore()
  #store: SimStore | undefined

  constructor(options: SimDiskOptions) {
    this.#options = options
  }

  /** What it is given is written. */
  get isWriting(): boolean {
    return this.trouble === undefined || this.trouble === 'full'
  }

  open(process: VirtualProcess): Store {
    this.#store = new SimStore(process, this.#content, this, this.#options)
    return this.#store
  }

  /** While its host is dead. */
  damage(van: string): { readonly messages: number } | undefined {
    return damageLog(this.#content, van, this.#options.random)
  }

  /** Its host is killed. */
  crash(): void {
    this.#store?.crash()
    this.#store = undefined
  }
}

/** In the log of a van. @returns of how many messages it was; undefined if nothing is kept of that van */
function damageLog(content: MemoryStore, van: string, random: Random): { messages: number } | undefined {
  const log = [...logsIn(content)].find(([, record]) => record.van === van && record.isOutbox !== true)?.[0]
  if (log === undefined) return undefined
  const chunks = [...content.scan(log, 0)]
  const chunk = random.pick(chunks)
  const book = random.pick([...content.records('books', `${log}/`)])
  // In effect when the call returns, as the real store sets pieces aside before a host reads it.
  void content.transact(to => {
    const damages = decodeDamages(content.get('meta', DAMAGES_KEY))
    if (chunk !== undefined && (book === undefined || random.chance(0.7))) {
      const { first, count } = chunk
      to.trim(log, first)
      damages.push({ table: 'chunks', why: 'a bit was flipped', log, first, before: first + count })
    } else if (book !== undefined) {
      to.remove('books', book[0])
      damages.push({ table: 'books', why: 'a bit was flipped', key: book[0] })
    }
    to.put('meta', DAMAGES_KEY, encodeDamages(damages))
  })
  return { messages: chunk?.count ?? 0 }
}

class SimStore implements Store {
  readonly kind = 'memory'
  readonly #process: VirtualProcess
  readonly #content: MemoryStore
  readonly #disk: SimDisk
  readonly #options: SimDiskOptions
  #waiting: Write[] = []
  #writing: Write[] = []
  #isClosed = false
  #whenIdle: (() => void)[] = []

  constructor(process: VirtualProcess, content: MemoryStore, disk: SimDisk, options: SimDiskOptions) {
    this.#process = process
    this.#content = content
    this.#disk = disk
    this.#options = options
  }

  async transact(collect: (transaction: StoreTransaction) => void): Promise<void> {
    if (this.#isClosed) throw new ClosedError('The store is closed.')
    const steps: Write['steps'][number][] = []
    collect({
      // What is written is what it was at this moment.
      append: chunk => {
        const kept: Chunk = { ...chunk, bytes: chunk.bytes.slice() }
        steps.push(content => content.append(kept))
      },
      trim: (log, first) => steps.push(content => content.trim(log, first)),
      put: (table, key, value) => {
        const kept = value.slice()
        steps.push(content => content.put(table, key, kept))
      },
      remove: (table, key) => steps.push(content => content.remove(table, key)),
    })
    if (steps.length === 0) return
    if (this.#disk.trouble === 'gone') throw this.#failure()
    // Of a process that died in that very moment nothing is heard any more.
    await new Promise<void>((resolve, reject) => {
      if (this.#process.isDead) return
      this.#waiting.push({ steps, resolve, reject })
      this.#write()
      this.#options.moment()
    })
  }

  checkRoom(): void {
    if (this.#disk.trouble === 'full') throw new StoreFullError('The simulated disk is full.')
    if (this.#disk.trouble === 'gone') throw new StoreError('The folder of the simulated disk is not there.')
  }

  scan(log: number, from: number): IterableIterator<Chunk> {
    return this.#content.scan(log, from)
  }

  scanBack(log: number, before?: number): IterableIterator<Chunk> {
    return this.#content.scanBack(log, before)
  }

  get(table: Table, key: string): Uint8Array | undefined {
    return this.#content.get(table, key)
  }

  records(table: Table, prefix?: string): IterableIterator<readonly [string, Uint8Array]> {
    return this.#content.records(table, prefix)
  }

  info(): StoreInfo {
    return this.#content.info()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#writing.length + this.#waiting.length === 0) return
    await new Promise<void>(resolve => this.#whenIdle.push(resolve))
  }

  /** What was being written is there, up to some transaction; what waited behind it is not. */
  crash(): void {
    const { random, trace } = this.#options
    if (this.#writing.length > 0) trace.count('kills in a write')
    const written = this.#writing.slice(0, random.between(0, this.#writing.length))
    trace.say(
      'DISK',
      () => `keeps ${written.length} of ${this.#writing.length} transactions on their way to it`,
    )
    this.#commit(written)
    this.#writing = []
    this.#waiting = []
  }

  /** What comes while one is written is written together, as the next one. */
  #write(): void {
    if (this.#writing.length > 0 || this.#waiting.length === 0) return
    this.#writing = this.#waiting
    this.#waiting = []
    const { clock, latency, moment } = this.#options
    clock.schedule(
      this.#disk.slowness + latency(),
      () => {
        const done = this.#writing
        const error = this.#trouble()
        if (error === undefined) {
          this.#commit(done)
          this.#writing = []
          moment()
          if (this.#process.isDead) return
        } else this.#writing = []
        for (const { resolve, reject } of done) {
          if (error === undefined) resolve()
          else reject(error)
        }
        this.#write()
        if (this.#writing.length === 0) for (const idle of this.#whenIdle.splice(0)) idle()
      },
      this.#process,
    )
  }

  #trouble(): Error | undefined {
    return this.#disk.trouble === 'failing' || this.#disk.trouble === 'gone' ? this.#failure() : undefined
  }

  #failure(): Error {
    this.#options.trace.count('failed writes')
    this.#options.failed()
    return new StoreError('The simulated disk does not write.')
  }

  #commit(writes: readonly Write[]): void {
    for (const { steps } of writes) {
      // In effect when the call returns.
      void this.#content.transact(transaction => {
        for (const step of steps) step(transaction)
      })
    }
  }
}
