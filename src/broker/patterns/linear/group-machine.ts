import { holds, sidesOf } from './automaton.js'
import { type CharacterClass, CharacterClasses } from './character-classes.js'
import { Group, Op, type Program } from './program.js'

/** Not set, or not begun. */
const UNSET = -1

/** One way through the program: the place in it, and the part of the topic that the group has so far. */
interface Thread {
  readonly at: number
  readonly begin: number
  readonly end: number
}

/**
 * Reads a named group of a pattern, as `RegExp.exec` does, in time linear in the topic: all ways through the program at
 * once, those that a RegExp would try first before the others, and each place of the program once for each character.
 */
export class GroupMachine {
  readonly #program: Program
  readonly #sides: number
  readonly #reached: Int32Array
  #classes: CharacterClasses
  #step = 0

  constructor(program: Program) {
    this.#program = program
    const { code, sets } = program
    let sides = 0
    for (let at = 0; at < code.length; at += 3)
      if (code[at] === Op.Edge) sides |= sidesOf[code[at + 1] ?? 0] ?? 0
    this.#sides = sides
    this.#classes = new CharacterClasses(sets, sides)
    this.#reached = new Int32Array(code.length / 3)
  }

  /** Undefined if the topic does not match, or the group has no part in it. */
  read(topic: string): string | undefined {
    const { isAnchored, isUnicode } = this.#program
    // Their numbers are not used across topics.
    if (this.#classes.areTooMany) this.#classes = new CharacterClasses(this.#program.sets, this.#sides)
    let threads: Thread[] = []
    let found: Thread | undefined
    let before = this.#classes.end
    for (let at = 0; at <= topic.length;) {
      const char = (isUnicode ? topic.codePointAt(at) : topic.charCodeAt(at)) ?? NaN
      const next = at === topic.length ? this.#classes.end : this.#classes.at(this.#classes.numberOf(char))
      this.#step += 1
      const open: Thread[] = []
      for (const thread of threads) this.#follow(thread, at, before, next, open)
      // A match that begins earlier is the match.
      if (found === undefined && (at === 0 || !isAnchored))
        this.#follow({ at: 0, begin: UNSET, end: UNSET }, at, before, next, open)
      threads = []
      for (const thread of open) {
        if (this.#program.code[thread.at * 3] === Op.Match) {
          // The others come after it.
          found = thread
          break
        }
        if (next.isIn[this.#program.code[thread.at * 3 + 1] ?? 0] === 1)
          threads.push({ ...thread, at: thread.at + 1 })
      }
      if (threads.length === 0 && (found !== undefined || isAnchored)) break
      before = next
      at += char > 0xffff ? 2 : 1
    }
    return found === undefined || found.end === UNSET ? undefined : topic.slice(found.begin, found.end)
  }

  /** Goes on through all that takes no character, in the order in which a RegExp tries it. */
  #follow(from: Thread, place: number, before: CharacterClass, next: CharacterClass, open: Thread[]): void {
    const { code } = this.#program
    const stack: Thread[] = [from]
    for (let thread = stack.pop(); thread !== undefined; thread = stack.pop()) {
      const { at, begin, end } = thread
      if (this.#reached[at] === this.#step) continue
      this.#reached[at] = this.#step
      const x = code[at * 3 + 1] ?? 0
      switch (code[at * 3]) {
        case Op.Split:
          stack.push({ at: code[at * 3 + 2] ?? 0, begin, end }, { at: x, begin, end })
          break
        case Op.Jump:
          stack.push({ at: x, begin, end })
          break
        case Op.Edge:
          if (holds(x, before.side, next.side)) stack.push({ at: at + 1, begin, end })
          break
        case Op.Group:
          stack.push({ at: at + 1, ...groupAt(x, place, thread) })
          break
        default:
          open.push(thread)
      }
    }
  }
}

function groupAt(what: number, place: number, { begin }: Thread): Pick<Thread, 'begin' | 'end'> {
  if (what === Group.Begins) return { begin: place, end: UNSET }
  if (what === Group.Ends) return { begin, end: place }
  return { begin: UNSET, end: UNSET }
}
