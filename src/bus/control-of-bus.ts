import { ClosedError } from '../errors.js'
import type { Control } from './contract/control.js'
import type { DeadLetters } from './contract/dead-letters.js'
import { checkName } from './contract/options.js'
import type { VanStatus } from './contract/status.js'
import { checkId } from './publication.js'

/** The part of a bus that looks into the van, and decides about names. */
export abstract class ControlOfBus {
  readonly #control: Control
  /** The process is about to end. An app that sees a refusal before that might end it in another way. */
  protected end: Promise<void> | undefined

  constructor(control: Control) {
    this.#control = control
  }

  async unsubscribe(name: string): Promise<boolean> {
    checkName(name)
    return this.unlessEnding(this.#control.unsubscribe(name))
  }

  async pause(name: string): Promise<boolean> {
    checkName(name)
    return this.unlessEnding(this.#control.pause(name, true))
  }

  async resume(name: string): Promise<boolean> {
    checkName(name)
    return this.unlessEnding(this.#control.pause(name, false))
  }

  async cancel(id: string): Promise<boolean> {
    checkId(id)
    return this.unlessEnding(this.#control.cancel(id))
  }

  status(): Promise<VanStatus> {
    return this.unlessEnding(this.#control.status())
  }

  deadLetters(): DeadLetters {
    return this.#control.deadLetters()
  }

  protected async unlessEnding<R>(outcome: Promise<R>): Promise<R> {
    try {
      return await outcome
    } catch (error) {
      if (error instanceof ClosedError) await this.end
      throw error
    }
  }
}
