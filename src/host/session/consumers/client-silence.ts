import { LOOKS, silenceOf } from '../../../wire/protocol.js'

/** One consumer of a client whose messages have a time limit. */
export interface SilentConsumer {
  /** Messages that are not settled. */
  readonly holds: boolean
  /** Its client gave no sign of life for as long as its messages may take. */
  fellSilent(): void
  heardAgain(): void
}

/** Counts a client's signs of life. A closed connection is not silence: it may be resumed, and it fails nothing. */
export class Hearing {
  #heard = 0
  isCut = false
  #silent: Set<SilenceWatch> | undefined

  /** The number of signs so far: only its change matters. */
  get count(): number {
    return this.#heard
  }

  heard(): void {
    this.#heard++
    if (this.#silent === undefined) return
    const silent = this.#silent
    this.#silent = undefined
    for (const watch of silent) watch.heardAgain()
  }

  silent(watch: SilenceWatch): void {
    this.#silent ??= new Set()
    this.#silent.add(watch)
  }
}

/**
 * `ackTimeout` at the host, for a consumer that cannot keep it: its process is stopped or its event loop blocked. While
 * a client holds messages it gives several signs within that time, so a silent one settles nothing either. This counts
 * looks, not time: a host that was stopped itself has heard no client meanwhile.
 */
export class SilenceWatch {
  readonly #hearing: Hearing
  readonly #consumer: SilentConsumer
  readonly ackTimeout: number
  readonly #every: number
  #timer: NodeJS.Timeout | undefined
  #heardBefore = 0
  #looks = 0

  /**
   * @param ackTimeout in milliseconds, over 0
   */
  constructor(hearing: Hearing, ackTimeout: number, consumer: SilentConsumer) {
    this.#hearing = hearing
    this.#consumer = consumer
    this.ackTimeout = ackTimeout
    this.#every = silenceOf(ackTimeout) / LOOKS
  }

  /** It holds messages from now on. */
  begin(): void {
    this.#looks = 0
    this.#heardBefore = this.#hearing.count
    this.#timer ??= setInterval(() => this.#look(), this.#every)
  }

  /** It holds nothing. */
  end(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  heardAgain(): void {
    this.#consumer.heardAgain()
  }

  #look(): void {
    // Here, and not at the settlement: a fast consumer begins and ends a thousand times between two looks.
    if (!this.#consumer.holds) return this.end()
    const { count, isCut } = this.#hearing
    if (count !== this.#heardBefore) {
      this.#heardBefore = count
      this.#looks = 0
      return
    }
    if (isCut) return
    this.#looks++
    if (this.#looks < LOOKS) return
    this.end()
    this.#hearing.silent(this)
    this.#consumer.fellSilent()
  }
}
