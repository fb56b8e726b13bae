/** One delivery that somebody began. */
export interface Begun {
  readonly at: number
  /** When the newest was published that its consumer had begun by then. */
  readonly newest: number
}

/** What hosts with stores had on their disks when they were killed, by what their publishers were told. */
export class Kills {
  readonly #hostOf = new Map<string, string>()
  /** By host: when the newest was published there that is confirmed. */
  readonly #confirmed = new Map<string, number>()
  readonly #kills: { readonly host: string; readonly at: number; readonly confirmed: number }[] = []

  placed(who: string, host: string): void {
    this.#hostOf.set(who, host)
  }

  taken(who: string, called: number): void {
    const host = this.#hostOf.get(who)
    if (host !== undefined) this.#confirmed.set(host, Math.max(this.#confirmed.get(host) ?? 0, called))
  }

  killed(host: string, at: number): void {
    this.#kills.push({ host, at, confirmed: this.#confirmed.get(host) ?? 0 })
  }

  /**
   * What a host hands out is in its books with the next write to its disk, and a publish is confirmed when it is written. So
   * the next host does not know of a delivery only if nothing was confirmed that was published there behind it; or if its
   * consumer still had it from the dead host, and had seen nothing from the next one.
   */
  mayHaveForgotten({ at, newest }: Begun, host: string): boolean {
    return this.#kills.some(kill => kill.host === host && kill.confirmed < at && newest < kill.at)
  }
}
