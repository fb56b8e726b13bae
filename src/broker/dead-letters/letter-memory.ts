/** The dead letters of one van. */
export interface LetterHolder {
  readonly bytes: number
  /** Drops its oldest letter to make room. */
  dropOldest(): void
}

/** Of the limit: with so much more since the last look, another van may have the most. */
const LOOK_SHARE = 1 / 64

/** Bounds the dead letters of all vans of a host together: at the limit, the van with the most drops its oldest. */
export class LetterMemory {
  readonly #holders = new Set<LetterHolder>()
  #bytes = 0
  #most: LetterHolder | undefined
  #sinceLook = 0

  constructor(readonly max: number) {}

  get bytes(): number {
    return this.#bytes
  }

  join(holder: LetterHolder): void {
    this.#holders.add(holder)
  }

  /** Its van is forgotten. */
  leave(holder: LetterHolder): void {
    if (!this.#holders.delete(holder)) return
    this.#bytes -= holder.bytes
    if (this.#most === holder) this.#most = undefined
  }

  /** A letter came, or went. */
  used(bytes: number): void {
    this.#bytes += bytes
    if (bytes > 0) this.#sinceLook += bytes
  }

  /** Call it when a letter came. */
  makeRoom(): void {
    while (this.#bytes > this.max) {
      const most = this.#withMost()
      if (most === undefined) return
      most.dropOldest()
    }
  }

  /** A look at all vans for each letter would take too long. */
  #withMost(): LetterHolder | undefined {
    const isFresh = this.#sinceLook < this.max * LOOK_SHARE
    if (isFresh && this.#most !== undefined && this.#most.bytes > 0) return this.#most
    this.#sinceLook = 0
    this.#most = undefined
    let bytes = 0
    for (const holder of this.#holders)
      if (holder.bytes > bytes) {
        this.#most = holder
        bytes = holder.bytes
      }
    return this.#most
  }
}
