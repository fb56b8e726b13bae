import { END, START, foldUnit } from './required-literals.js'

/**
 * A topic in units, as the search for required literals needs it: folded, between START and END. One object serves all
 * topics.
 */
export class FoldedTopic {
  units = new Uint16Array(32)
  length = 0
  #topic: string | undefined

  read(topic: string): void {
    if (topic === this.#topic) return
    this.#topic = topic
    const length = topic.length + 2
    this.#makeRoom(length)
    const { units } = this
    units[0] = START.charCodeAt(0)
    for (let at = 0; at < topic.length; at += 1) units[at + 1] = foldUnit(topic.charCodeAt(at))
    units[length - 1] = END.charCodeAt(0)
    this.length = length
  }

  /** A text that is folded already, without ends. */
  readText(text: string): void {
    this.#topic = undefined
    this.length = text.length
    this.#makeRoom(text.length)
    for (let at = 0; at < text.length; at += 1) this.units[at] = text.charCodeAt(at)
  }

  #makeRoom(length: number): void {
    if (length > this.units.length) this.units = new Uint16Array(2 * length)
  }

  /**
   * Whether it contains at least one text of each set.
   *
   * @param packed the result of `packLiterals`
   */
  holds(packed: string): boolean {
    let at = 0
    while (at < packed.length) {
      const end = at + 1 + packed.charCodeAt(at)
      if (!this.#holdsOne(packed, at + 1, end)) return false
      at = end
    }
    return true
  }

  #holdsOne(packed: string, from: number, end: number): boolean {
    for (let at = from; at < end;) {
      const length = packed.charCodeAt(at)
      if (this.#includes(packed, at + 1, length)) return true
      at += 1 + length
    }
    return false
  }

  #includes(packed: string, from: number, length: number): boolean {
    const { units } = this
    const first = packed.charCodeAt(from)
    const last = this.length - length
    for (let at = 0; at <= last; at += 1) {
      if (units[at] !== first) continue
      let same = 1
      while (same < length && units[at + same] === packed.charCodeAt(from + same)) same += 1
      if (same === length) return true
    }
    return false
  }
}
