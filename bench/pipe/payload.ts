/** What every message of this bench carries: 100 bytes, its number in front. */
export const PAYLOAD_BYTES = 100

export const topics = Array.from({ length: 8 }, (_, at) => `orders.eu.${at}`)
export const pattern = /^orders\.(eu|us)\./

export function payload(number: number): Buffer {
  const bytes = Buffer.alloc(PAYLOAD_BYTES, number & 0xff)
  bytes.writeUInt32LE(number)
  return bytes
}

/** Counts what arrives and holds it to its order and content. */
export class Receipt {
  #count = 0
  #wanted = Infinity
  #resolve: (() => void) | undefined
  #wrong: string | undefined

  /** Resolves when so many more have arrived; rejects if one of them was not the next one, or not what was sent. */
  expect(count: number): Promise<void> {
    this.#count = 0
    this.#wanted = count
    this.#wrong = undefined
    return new Promise((resolve, reject) => {
      this.#resolve = () => {
        if (this.#wrong === undefined) resolve()
        else reject(new Error(this.#wrong))
      }
    })
  }

  take(topic: string, bytes: Uint8Array): void {
    const number = this.#count
    this.#count += 1
    const view = bytes instanceof Buffer ? bytes : Buffer.from(bytes)
    const isRight =
      topic === topics[number & 7] &&
      view.length === PAYLOAD_BYTES &&
      view.readUInt32LE() === number &&
      view[PAYLOAD_BYTES - 1] === (number & 0xff)
    if (!isRight) this.#wrong ??= `message ${number} is not what was sent`
    if (this.#count === this.#wanted) this.#resolve?.()
  }

  /** More than were sent must not come. */
  get excess(): number {
    return Math.max(0, this.#count - this.#wanted)
  }
}
