const SPARE = 1_024

/** Handed out and not settled; more than 0 failures is an exception. */
const UNFAILED = 0

/**
 * The open places of one subscription in a log, each with its failures. They come in ascending order and go mostly in
 * that order, thousands at a time: a list holds those, and a settled one is struck from it. A map holds the few others.
 */
export class OpenPlaces {
  /** Ascending. A negative place is struck. */
  #places: number[] = []
  #head = 0
  #struck = 0
  readonly #others: Map<number, number>

  constructor(open: Iterable<readonly [place: number, failures: number]> = []) {
    this.#others = new Map(open)
  }

  get size(): number {
    return this.#places.length - this.#head - this.#struck + this.#others.size
  }

  /** Adds a place that comes after all others. */
  push(place: number): void {
    this.#places.push(place)
  }

  get(place: number): number | undefined {
    return this.#others.get(place) ?? (this.#find(place) < 0 ? undefined : UNFAILED)
  }

  set(place: number, failures: number): void {
    this.#strike(place)
    this.#others.set(place, failures)
  }

  delete(place: number): void {
    if (this.#others.size === 0 || !this.#others.delete(place)) this.#strike(place)
  }

  *[Symbol.iterator](): Generator<[place: number, failures: number]> {
    yield* this.#others
    for (let at = this.#head; at < this.#places.length; at += 1) {
      const place = this.#places[at] ?? 0
      if (place > 0) yield [place, UNFAILED]
    }
  }

  /** The first open place, or Infinity. */
  get first(): number {
    let first = this.#places[this.#head] ?? Infinity
    for (const place of this.#others.keys()) if (place < first) first = place
    return first
  }

  #strike(place: number): void {
    const at = this.#places[this.#head] === place ? this.#head : this.#find(place)
    if (at < 0) return
    this.#places[at] = -place
    this.#struck += 1
    while (this.#head < this.#places.length && (this.#places[this.#head] ?? 0) < 0) {
      this.#head += 1
      this.#struck -= 1
    }
    if (this.#head === this.#places.length) this.#keepFrom([])
    else if (this.#head > SPARE && this.#head * 2 > this.#places.length)
      this.#keepFrom(this.#places.slice(this.#head))
  }

  #keepFrom(places: number[]): void {
    this.#places = places
    this.#head = 0
  }

  /** Its index in the list; below 0 if it is missing or struck. */
  #find(place: number): number {
    let low = this.#head
    let high = this.#places.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const there = this.#places[middle] ?? 0
      if (there === place) return middle
      if (Math.abs(there) < place) low = middle + 1
      else high = middle - 1
    }
    return -1
  }
}
