/** A step that can be taken in a state: what it is called, and where it leads. */
export interface Step<S> {
  readonly name: string
  readonly state: S
}

/** A small model of a protocol. States are plain data: equal as JSON means equal. */
export interface Model<S> {
  readonly start: S
  /** All that can happen next. Each gets a copy of its own. */
  steps(state: S): Iterable<Step<S>>
  /** What must hold in every state, by its name. Says what is wrong, or nothing. */
  readonly invariants: Readonly<Record<string, (state: S) => string | undefined>>
  /** Everything is settled. From each state one of these must be within reach (I6). */
  isAtRest(state: S): boolean
}

export interface Finding {
  readonly invariant: string
  readonly what: string
  /** The shortest way there. */
  readonly trace: readonly string[]
}

export interface Explored {
  readonly states: number
  /** The longest of the shortest ways to a state. */
  readonly depth: number
  readonly finding: Finding | undefined
}

/** Plain data has no need of structured clone, which takes four times as long. */
export function copy<S>(state: S): S {
  return JSON.parse(JSON.stringify(state)) as S
}

interface Node<S> {
  readonly state: S
  readonly from: number
  readonly by: string
  readonly depth: number
}

/**
 * Visits every state that can be reached, breadth first, so that a finding comes with the shortest trace. Each order in
 * which things can happen is one way through the same graph: all of them are covered.
 */
export function explore<S>(model: Model<S>, mostStates = 2_000_000): Explored {
  const { start, invariants } = model
  const nodes: Node<S>[] = []
  const known = new Map<string, number>()
  const into: number[][] = []
  const resting: number[] = []

  const trace = (node: Node<S>): string[] => {
    const names: string[] = []
    for (let at: Node<S> | undefined = node; at !== undefined && at.from >= 0; at = nodes[at.from])
      names.push(at.by)
    return names.reverse()
  }
  const visit = (state: S, from: number, by: string, depth: number): Finding | undefined => {
    const key = JSON.stringify(state)
    let at = known.get(key)
    const isNew = at === undefined
    if (at === undefined) {
      at = nodes.length
      known.set(key, at)
      nodes.push({ state, from, by, depth })
      into.push([])
      if (model.isAtRest(state)) resting.push(at)
    }
    if (from >= 0) into[at]?.push(from)
    if (!isNew) return undefined
    for (const [invariant, check] of Object.entries(invariants)) {
      const what = check(state)
      const node = nodes[at]
      if (what !== undefined && node !== undefined) return { invariant, what, trace: trace(node) }
    }
    return undefined
  }

  let finding = visit(start, -1, '', 0)
  for (let at = 0; at < nodes.length && finding === undefined; at++) {
    const node = nodes[at]
    if (node === undefined) break
    if (nodes.length > mostStates)
      throw new Error(`The model has over ${mostStates} states: bound it more tightly.`)
    for (const { name, state } of model.steps(node.state)) {
      finding = visit(state, at, name, node.depth + 1)
      if (finding !== undefined) break
    }
  }
  finding ??= stuck()
  return { states: nodes.length, depth: nodes.at(-1)?.depth ?? 0, finding }

  /** I6: whatever has happened, everything can still be settled. */
  function stuck(): Finding | undefined {
    const alive = new Set(resting)
    const todo = [...resting]
    for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
      for (const before of into[at] ?? []) {
        if (alive.has(before)) continue
        alive.add(before)
        todo.push(before)
      }
    }
    const dead = nodes.findIndex((_, at) => !alive.has(at))
    const node = nodes[dead]
    if (node === undefined) return undefined
    return {
      invariant: 'I6',
      what: `no rest can be reached any more from ${JSON.stringify(node.state)}`,
      trace: trace(node),
    }
  }
}
