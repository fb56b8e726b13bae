/** Counts bytes against a limit, for itself and for the whole that it is a part of. */
export class ByteBudget {
  #bytes = 0

  constructor(
    readonly max: number,
    private readonly whole?: ByteBudget,
  ) {}

  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#bytes >= this.max || this.whole?.isFull === true
  }

  add(bytes: number): void {
    this.#bytes += bytes
    this.whole?.add(bytes)
  }
}
