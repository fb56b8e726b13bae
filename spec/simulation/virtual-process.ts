/** A process of the simulation: when it dies, its timers and what is on its way to it die with it. */
export class VirtualProcess {
  isDead = false

  constructor(
    readonly name: string,
    readonly pid: number,
  ) {}
}
