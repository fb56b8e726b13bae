import { readJournal } from './journal.js'

export interface Handled {
  readonly subscriber: string
  readonly publisher: string
  readonly sequence: number
  readonly attempt: number
  readonly redelivered: boolean
  readonly intact: boolean
  /** Microseconds, as all times here. */
  readonly at: number
}

/** What a publisher asked for, and what the van said it accepted. */
export class Published {
  /** When each was asked for, by sequence − 1. */
  readonly calls: number[] = []
  /** By which host, counted from 0, each was accepted. */
  readonly taken = new Map<number, number>()
  refused = 0

  /** In the order of their publishing. */
  takenBy(host: number): number[] {
    return [...this.taken]
      .filter(([, by]) => by === host)
      .map(([sequence]) => sequence)
      .sort((a, b) => a - b)
  }
}

/** Everything that the parties of a scenario wrote down. */
export class Evidence {
  readonly publishers = new Map<string, Published>()
  readonly handled: Handled[] = []
  readonly publisherDeaths: number[] = []
  readonly subscriberDeaths: number[] = []
  /** When a subscriber's subscription was in force: at first, and again. */
  readonly inForce: { readonly subscriber: string; readonly at: number }[] = []
  /** What came on `errors$`, how often. */
  readonly troubles = new Map<string, number>()

  static async read(paths: { readonly publishers: string; readonly subscribers: string }): Promise<Evidence> {
    const evidence = new Evidence()
    for (const entry of await readJournal(paths.publishers)) evidence.#enterPublisher(entry)
    for (const entry of await readJournal(paths.subscribers)) evidence.#enterSubscriber(entry)
    return evidence
  }

  /** As one subscriber saw it. */
  of(subscriber: string): Evidence {
    const own = new Evidence()
    for (const [publisher, published] of this.publishers) own.publishers.set(publisher, published)
    own.handled.push(...this.handled.filter(each => each.subscriber === subscriber))
    return own
  }

  get called(): number {
    return sum([...this.publishers.values()].map(({ calls }) => calls.length))
  }

  get taken(): number {
    return sum([...this.publishers.values()].map(({ taken }) => taken.size))
  }

  get refused(): number {
    return sum([...this.publishers.values()].map(({ refused }) => refused))
  }

  calledAt({ publisher, sequence }: { publisher: string; sequence: number }): number | undefined {
    return this.publishers.get(publisher)?.calls[sequence - 1]
  }

  #enterPublisher([what, publisher = '', ...rest]: string[]): void {
    if (what === 'killed') {
      this.publisherDeaths.push(Number(publisher))
      return
    }
    if (what === 'trouble') return this.#trouble(rest[0])
    let published = this.publishers.get(publisher)
    if (published === undefined) this.publishers.set(publisher, (published = new Published()))
    const [first = 0, second = 0, third = 0] = rest.map(Number)
    if (what === 'called') {
      for (let sequence = first; sequence <= second; sequence += 1) published.calls[sequence - 1] = third
    } else if (what === 'taken') published.taken.set(first, second)
    else if (what === 'refused') published.refused += 1
  }

  #enterSubscriber([what, subscriber = '', ...rest]: string[]): void {
    if (what === 'killed') this.subscriberDeaths.push(Number(subscriber))
    else if (what === 'trouble') this.#trouble(rest[0])
    else if (what === 'ready') this.inForce.push({ subscriber, at: Number(rest[0]) })
    else if (what === 'handled') {
      const [publisher = '', sequence, attempt, redelivered, intact, at] = rest
      this.handled.push({
        subscriber,
        publisher,
        sequence: Number(sequence),
        attempt: Number(attempt),
        redelivered: redelivered === '1',
        intact: intact === '1',
        at: Number(at),
      })
    }
  }

  #trouble(code = ''): void {
    this.troubles.set(code, (this.troubles.get(code) ?? 0) + 1)
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
