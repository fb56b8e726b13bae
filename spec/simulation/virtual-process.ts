/** A process of the simulation: when it dies, its timers and what is on its way to it die with it. */
export class VirtualProcess {
  isDead = false
  /** Its event loop stands still until then. */
  blockedUntil = 0

  constructor(
    readonly name: string,
    readonly pid: number,
  ) {}
}
