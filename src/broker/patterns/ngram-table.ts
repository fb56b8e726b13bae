/** Up to this, V8 keeps the arrays in its heap: there is a table for each van, and most are small. */
const SMALLEST = 16
const NONE = -1
/** Shared by all tables without a posting. */
const nothing = new Int32Array(0)
const noBits = new Uint8Array(0)

/**
 * A list of postings under each gram's key, newest first. Open addressing in flat arrays: no object for a gram or a
 * posting. Most grams of a topic have no posting, which one bit shows.
 */
export class NGramTable<E> {
  /** Eight bits for each slot, few of which are set. The key of each gram has one, and so do some removed keys. */
  #filter = noBits
  #gone = 0
  #keys = nothing
  /** The first posting under the key (below 0: the slot is free), and the number of postings. */
  #heads = nothing
  #counts = nothing
  #mask = 0
  #bits = 0
  #used = 0

  #owners: (E | undefined)[] = []
  #keyOf = nothing
  #next = nothing
  #previous = nothing
  /** The next posting of the same owner. */
  #sibling = nothing
  #free = NONE

  /** No gram has a posting. */
  get isEmpty(): boolean {
    return this.#used === 0
  }

  /** The first posting under a key; below 0: none. */
  first(key: number): number {
    const bit = (key >>> 2) & this.#bits
    if (((this.#filter[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0) return NONE
    const slot = this.#find(key)
    return slot < 0 ? NONE : (this.#heads[slot] ?? NONE)
  }

  count(key: number): number {
    const slot = this.#find(key)
    return slot < 0 ? 0 : (this.#counts[slot] ?? 0)
  }

  /** The next posting under the same key; below 0: none. */
  after(posting: number): number {
    return this.#next[posting] ?? NONE
  }

  owner(posting: number): E | undefined {
    return this.#owners[posting]
  }

  key(posting: number): number {
    return this.#keyOf[posting] ?? 0
  }

  /** The owner's next posting; below 0: none. */
  sibling(posting: number): number {
    return this.#sibling[posting] ?? NONE
  }

  /**
   * @param sibling another posting of the same owner, or below 0
   * @returns the posting
   */
  add(key: number, owner: E, sibling: number): number {
    if ((this.#used + 1) * 2 > this.#mask) this.#resize(Math.max(SMALLEST, (this.#mask + 1) * 2))
    const posting = this.#newPosting()
    let slot = this.#find(key)
    if (slot < 0) {
      slot = ~slot
      this.#occupy(slot, key, NONE, 0)
      this.#used += 1
    }
    const head = this.#heads[slot] ?? NONE
    if (head >= 0) this.#previous[head] = posting
    this.#owners[posting] = owner
    this.#keyOf[posting] = key
    this.#next[posting] = head
    this.#previous[posting] = NONE
    this.#sibling[posting] = sibling
    this.#heads[slot] = posting
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1
    return posting
  }

  /**
   * @returns whether it was the last under its key
   */
  remove(posting: number): boolean {
    const slot = this.#find(this.#keyOf[posting] ?? 0)
    const next = this.#next[posting] ?? NONE
    const previous = this.#previous[posting] ?? NONE
    if (next >= 0) this.#previous[next] = previous
    if (previous >= 0) this.#next[previous] = next
    else this.#heads[slot] = next
    this.#owners[posting] = undefined
    this.#next[posting] = this.#free
    this.#free = posting
    const left = (this.#counts[slot] ?? 1) - 1
    this.#counts[slot] = left
    if (left > 0) return false
    this.#clear(slot)
    this.#used -= 1
    this.#gone += 1
    if (this.#mask >= SMALLEST && this.#used * 8 < this.#mask) this.#resize((this.#mask + 1) / 2)
    else if (this.#gone > this.#mask) this.#resize(this.#mask + 1)
    return true
  }

  /** The slot of the key. If it has none, `~` of the free slot for it. */
  #find(key: number): number {
    const heads = this.#heads
    const mask = this.#mask
    let slot = (key >>> 2) & mask
    while ((heads[slot] ?? NONE) >= 0) {
      if (this.#keys[slot] === key) return slot
      slot = (slot + 1) & mask
    }
    return ~slot
  }

  #occupy(slot: number, key: number, head: number, count: number): void {
    this.#keys[slot] = key
    this.#heads[slot] = head
    this.#counts[slot] = count
    const bit = (key >>> 2) & this.#bits
    this.#filter[bit >>> 3] = (this.#filter[bit >>> 3] ?? 0) | (1 << (bit & 7))
  }

  /** Keys that had to go past this slot move up: a gap would hide them. */
  #clear(slot: number): void {
    let gap = slot
    for (let at = (gap + 1) & this.#mask; (this.#heads[at] ?? NONE) >= 0; at = (at + 1) & this.#mask) {
      const key = this.#keys[at] ?? 0
      const home = (key >>> 2) & this.#mask
      if (((at - home) & this.#mask) < ((at - gap) & this.#mask)) continue
      this.#occupy(gap, key, this.#heads[at] ?? NONE, this.#counts[at] ?? 0)
      gap = at
    }
    this.#heads[gap] = NONE
  }

  #resize(size: number): void {
    const [keys, heads, counts] = [this.#keys, this.#heads, this.#counts]
    this.#filter = new Uint8Array(size)
    this.#gone = 0
    this.#keys = new Int32Array(size)
    this.#heads = new Int32Array(size).fill(NONE)
    this.#counts = new Int32Array(size)
    this.#mask = size - 1
    this.#bits = size * 8 - 1
    for (let at = 0; at < heads.length; at += 1) {
      const head = heads[at] ?? NONE
      const key = keys[at] ?? 0
      if (head >= 0) this.#occupy(~this.#find(key), key, head, counts[at] ?? 0)
    }
  }

  #newPosting(): number {
    const posting = this.#free
    if (posting >= 0) {
      this.#free = this.#next[posting] ?? NONE
      return posting
    }
    const size = this.#owners.length
    if (size === this.#next.length) {
      this.#keyOf = grown(this.#keyOf)
      this.#next = grown(this.#next)
      this.#previous = grown(this.#previous)
      this.#sibling = grown(this.#sibling)
    }
    this.#owners.push(undefined)
    return size
  }
}

function grown(list: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const more = new Int32Array(Math.max(SMALLEST, Math.ceil(list.length * 1.5)))
  more.set(list)
  return more
}
