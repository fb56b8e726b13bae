import { type CharacterClass, CharacterClasses, Side } from './character-classes.js'
import type { CharSet } from './char-set.js'
import { Edge, Op, type Program } from './program.js'

/**
 * The memory for states, by estimate: a base, and more for each instruction. Beyond it the automaton drops its states,
 * and makes them anew.
 */
const LEAST_BYTES = 4096
const INSTRUCTION_BYTES = 64
const STATE_BYTES = 200
const THREAD_BYTES = 6
const WAY_BYTES = 64

/** All threads that run at one place of a topic, before any assertion about this place is looked at. */
class State {
  readonly ways: (Way | undefined)[] = []

  constructor(
    readonly threads: Int32Array,
    /** Bits of Side: the character before. */
    readonly before: number,
  ) {}
}

/** By one class of characters from a state to the next. */
interface Way {
  readonly to: State
  /** Programs with a match that ends before the character. */
  readonly matched: readonly number[]
}

const none: readonly number[] = []

/**
 * Runs many programs over a topic at once. Threads of all programs together are one state, and each step from a state by
 * a class of characters is worked out once, when it is first needed. Where states are too many to keep, a step costs what
 * its threads cost, so time is linear in the topic either way. All programs are of one kind: anchored or not, unicode or not.
 */
export class Automaton {
  readonly #code: Int32Array
  readonly #starts: Int32Array
  readonly #sets: readonly CharSet[]
  readonly #sides: number
  readonly #isUnicode: boolean
  readonly #isAnchored: boolean
  readonly #reached: Int32Array
  readonly #taken: Int32Array
  readonly #stack: number[] = []
  #step = 0
  #classes: CharacterClasses
  readonly #states = new Map<string, State>()
  #first: State
  readonly #maxBytes: number
  #bytes = 0

  constructor(programs: readonly Program[]) {
    const linked = link(programs)
    this.#code = linked.code
    this.#starts = linked.starts
    this.#sets = linked.sets
    this.#sides = linked.sides
    this.#isUnicode = programs[0]?.isUnicode ?? false
    this.#isAnchored = programs[0]?.isAnchored ?? true
    this.#maxBytes = LEAST_BYTES + INSTRUCTION_BYTES * (linked.code.length / 3)
    this.#reached = new Int32Array(linked.code.length / 3)
    this.#taken = new Int32Array(linked.code.length / 3)
    this.#classes = new CharacterClasses(this.#sets, this.#sides)
    this.#first = this.#begin()
  }

  /** Looks at the characters that most topics have, ahead of the first topic. */
  prepare(): void {
    for (let char = 0x20; char < 0x7f; char += 1) this.#classes.numberOf(char)
  }

  /** Whether any of them matches. */
  test(topic: string): boolean {
    return this.#run(topic, undefined)
  }

  /** Numbers of those that match, each at least once. */
  matches(topic: string, found: Set<number>): void {
    this.#run(topic, found)
  }

  /** @param found undefined: the first match is enough */
  #run(topic: string, found: Set<number> | undefined): boolean {
    let state = this.#first
    const isUnicode = this.#isUnicode
    for (let at = 0; at < topic.length; at += 1) {
      let char = topic.charCodeAt(at)
      if (isUnicode && (char & 0xfc00) === 0xd800) {
        char = topic.codePointAt(at) ?? char
        if (char > 0xffff) at += 1
      }
      const number = this.#classes.numberOf(char)
      const way = state.ways[number] ?? this.#find(state, this.#classes.at(number))
      if (way.matched !== none) {
        if (found === undefined) return true
        for (const program of way.matched) found.add(program)
      }
      state = way.to
      if (this.#isAnchored && state.threads.length === 0) return false
      if (this.#classes.areTooMany) state = this.#beginAnew(state)
    }
    const { matched } = state.ways[0] ?? this.#find(state, this.#classes.end)
    if (matched === none) return false
    if (found !== undefined) for (const program of matched) found.add(program)
    return true
  }

  #begin(): State {
    return new State(this.#isAnchored ? this.#starts : new Int32Array(0), Side.Outside & this.#sides)
  }

  /** With new numbers for classes. @returns the same state, without its ways */
  #beginAnew({ threads, before }: State): State {
    this.#classes = new CharacterClasses(this.#sets, this.#sides)
    this.#forget()
    return new State(threads, before)
  }

  #forget(): void {
    this.#states.clear()
    this.#bytes = 0
    this.#first = this.#begin()
  }

  #find(state: State, next: CharacterClass): Way {
    const threads: number[] = []
    const matched: number[] = []
    this.#advance(state, next, threads, matched)
    const way = { to: this.#stateOf(threads, next.side), matched: matched.length === 0 ? none : matched }
    this.#bytes += WAY_BYTES + matched.length * 8
    if (this.#bytes > this.#maxBytes) this.#forget()
    else state.ways[next.number] = way
    return way
  }

  #stateOf(threads: readonly number[], before: number): State {
    const key = String.fromCharCode(before, ...threads)
    const known = this.#states.get(key)
    if (known !== undefined) return known
    const state = new State(Int32Array.from(threads), before)
    this.#bytes += STATE_BYTES + THREAD_BYTES * threads.length
    this.#states.set(key, state)
    return state
  }

  /** Goes from each thread through all that takes no character, and then by one. */
  #advance(state: State, next: CharacterClass, threads: number[], matched: number[]): void {
    this.#step += 1
    for (const thread of state.threads) this.#follow(thread, state.before, next, threads, matched)
    if (this.#isAnchored) return
    for (const start of this.#starts) this.#follow(start, state.before, next, threads, matched)
  }

  #follow(from: number, before: number, next: CharacterClass, threads: number[], matched: number[]): void {
    const [code, stack, step, reached, taken] = [
      this.#code,
      this.#stack,
      this.#step,
      this.#reached,
      this.#taken,
    ]
    stack.push(from)
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (reached[at] === step) continue
      reached[at] = step
      const x = code[at * 3 + 1] ?? 0
      switch (code[at * 3]) {
        case Op.Set:
          if (next.isIn[x] === 1 && taken[at + 1] !== step) {
            taken[at + 1] = step
            threads.push(at + 1)
          }
          break
        case Op.Split:
          stack.push(code[at * 3 + 2] ?? 0, x)
          break
        case Op.Jump:
          stack.push(x)
          break
        case Op.Edge:
          if (holds(x, before, next.side)) stack.push(at + 1)
          break
        default:
          matched.push(x)
      }
    }
  }
}

/** Whether an assertion holds between two sides. */
export function holds(edge: number, before: number, after: number): boolean {
  switch (edge) {
    case Edge.Start:
      return (before & Side.Outside) !== 0
    case Edge.End:
      return (after & Side.Outside) !== 0
    case Edge.LineStart:
      return (before & (Side.Outside | Side.Line)) !== 0
    case Edge.LineEnd:
      return (after & (Side.Outside | Side.Line)) !== 0
    case Edge.Word:
      return (before & Side.Word) !== (after & Side.Word)
    default:
      return (before & Side.Word) === (after & Side.Word)
  }
}

/** The sides that an assertion asks for. */
export const sidesOf: readonly number[] = [
  Side.Outside,
  Side.Outside,
  Side.Outside | Side.Line,
  Side.Outside | Side.Line,
  Side.Word,
  Side.Word,
]

/** One behind the other, with equal sets once. The argument of a match is the program's number. */
function link(programs: readonly Program[]): {
  code: Int32Array
  starts: Int32Array
  sets: CharSet[]
  sides: number
} {
  const code = new Int32Array(programs.reduce((sum, program) => sum + program.code.length, 0))
  const starts = new Int32Array(programs.length)
  const sets: CharSet[] = []
  const numbers = new Map<string, number>()
  let sides = 0
  let offset = 0
  for (const [number, program] of programs.entries()) {
    const setNumbers = program.sets.map(set => {
      const key = String.fromCodePoint(...set)
      const known = numbers.get(key) ?? sets.push(set) - 1
      numbers.set(key, known)
      return known
    })
    const base = offset / 3
    starts[number] = base
    for (let at = 0; at < program.code.length; at += 3) {
      const [op, x, y] = [program.code[at] ?? 0, program.code[at + 1] ?? 0, program.code[at + 2] ?? 0]
      code[offset + at] = op
      if (op === Op.Edge) sides |= sidesOf[x] ?? 0
      const isWay = op === Op.Split || op === Op.Jump
      code[offset + at + 1] =
        op === Op.Set ? (setNumbers[x] ?? 0) : op === Op.Match ? number : isWay ? x + base : x
      code[offset + at + 2] = op === Op.Split ? y + base : y
    }
    offset += program.code.length
  }
  return { code, starts, sets, sides }
}
