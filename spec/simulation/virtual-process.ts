/** A process of the simulation: when it dies, its timers and what is on its way to it die with it. */
export class VirtualProcess {
  isDead = false
  /** A host with a store that ended in order: all that it handed out is on its disk. */
  hasWrittenAll = false
  /** A host that goes on with all that this one had in its memory. */
  successor: VirtualProcess | undefined
  /** The first of those that went on one after the other. */
  origin: VirtualProcess = this
  /** Its event loop stands still until then. */
  blockedUntil = 0

  constructor(
    readonly name: string,
    readonly pid: number,
  ) {}

  /** What was in its memory is gone. */
  get hasEnded(): boolean {
    return this.isDead && this.successor?.hasEnded !== false
  }

  goesOnIn(successor: VirtualProcess): void {
    this.successor = successor
    successor.origin = this.origin
  }
}
