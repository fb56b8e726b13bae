import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_EVERY_MS = 50

/** Watches two journals as they grow: whether something was handled that was published after a fault. */
export class Traffic {
  readonly #published: Tail
  readonly #handled: Tail

  constructor({ publishers, subscribers }: { readonly publishers: string; readonly subscribers: string }) {
    this.#published = new Tail(publishers)
    this.#handled = new Tail(subscribers)
  }

  /** Resolves when it goes on after this time. @throws Error when it does not within `patience` milliseconds */
  async goesOn(fault: number, patience: number): Promise<void> {
    /** By publisher, the first that it published since. */
    const firsts = new Map<string, number>()
    const giveUp = performance.now() + patience
    for (;;) {
      for (const [what, publisher = '', first, , at] of await this.#published.more())
        if (what === 'called' && Number(at) >= fault && !firsts.has(publisher))
          firsts.set(publisher, Number(first))
      for (const [what, , publisher = '', sequence] of await this.#handled.more())
        if (what === 'handled' && Number(sequence) >= (firsts.get(publisher) ?? Infinity)) return
      if (performance.now() > giveUp) throw new Error('waited in vain for traffic to go on')
      await sleep(LOOK_EVERY_MS)
    }
  }
}

/** The whole lines that have come since the last look, field by field. */
class Tail {
  readonly #path: string
  #read = 0

  constructor(path: string) {
    this.#path = path
  }

  async more(): Promise<string[][]> {
    const file = await open(this.#path).catch(() => undefined)
    if (file === undefined) return []
    try {
      const { size } = await file.stat()
      const bytes = Buffer.alloc(size - this.#read)
      await file.read(bytes, 0, bytes.length, this.#read)
      const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1)
      this.#read += whole.length
      return whole
        .toString()
        .split('\n')
        .slice(0, -1)
        .map(line => line.split(' '))
    } finally {
      await file.close()
    }
  }
}
