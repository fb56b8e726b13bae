import { copy, type Model, type Step } from './explore.js'

/**
 * `msgvan restart` of a host that keeps all in its memory: the old host writes everything into a file, the new one takes it in. Either may
 * be killed, the machine may lose its power, and the disk may be full, at any moment. One client publishes and consumes under a name
 * meanwhile, by whichever host has the port.
 *
 * `broken` leaves out one rule, to see that its invariant falls.
 */
export interface HandOverWorld {
  readonly messages: number
  readonly restarts: number
  readonly kills: number
  readonly powerCuts: number
  readonly fullDisks: number
  readonly broken?: HandOverRule
}

export type HandOverRule =
  | 'the old host reads nothing any more before it writes'
  | 'the file has its name when it is whole and on the disk'
  | 'the old host ends before the new one has the port'
  | 'the new host takes in before it listens'
  | 'the file goes before the new host listens'
  | 'marks travel'
  | 'what is in flight travels'
  | 'a host whose file cannot be written goes on'

interface Books {
  mark: number
  waiting: number[]
  inFlight: number[]
}

interface Host {
  phase: 'loading' | 'serving' | 'silent' | 'written'
  books: Books
}

export interface HandOverState {
  published: number
  resolved: number[]
  /** On its way to whichever host serves: sent again until it is answered. */
  unanswered: number[]
  inHand: number
  verdict: number
  /** The one that is to hand over comes first. */
  hosts: Host[]
  file: { books: Books; isSynced: boolean } | undefined
  aside: Books | undefined
  /** In the memory of a host that was killed: its own death may lose it. */
  mayBeLost: number[]
  order: number[]
  takeovers: number[]
  /** By a verdict that a host has taken in. */
  settled: number[]
  settledTwice: boolean
  left: { restarts: number; kills: number; powerCuts: number; fullDisks: number }
}

const empty = (): Books => ({ mark: 0, waiting: [], inFlight: [] })

export function handOverModel(world: HandOverWorld): Model<HandOverState> {
  const { messages, broken } = world
  const holds = (rule: HandOverRule): boolean => rule !== broken
  const start: HandOverState = {
    published: 0,
    resolved: [],
    unanswered: [],
    inHand: 0,
    verdict: 0,
    hosts: [{ phase: 'serving', books: empty() }],
    file: undefined,
    aside: undefined,
    mayBeLost: [],
    order: [],
    takeovers: new Array<number>(messages + 1).fill(0),
    settled: [],
    settledTwice: false,
    left: {
      restarts: world.restarts,
      kills: world.kills,
      powerCuts: world.powerCuts,
      fullDisks: world.fullDisks,
    },
  }

  const reads = ({ phase }: Host): boolean =>
    phase === 'serving' ||
    (phase === 'silent' && !holds('the old host reads nothing any more before it writes'))

  function* steps(before: HandOverState): Generator<Step<HandOverState>> {
    const step = (name: string, act: (state: HandOverState) => void): Step<HandOverState> => {
      const state = copy(before)
      act(state)
      return { name, state }
    }
    const { hosts, left, file, aside } = before
    if (before.published < messages) {
      yield step('the app publishes', state => {
        state.unanswered.push(++state.published)
      })
    }
    if (before.inHand > 0 && before.verdict === 0) {
      yield step(`the consumer acks ${before.inHand}`, state => {
        state.verdict = state.inHand
        state.inHand = 0
      })
    }
    const [old] = hosts
    if (hosts.length === 0) yield step('a client starts a host', begin)
    if (old?.phase === 'serving' && hosts.length === 1 && left.restarts > 0) {
      yield step('restart: a new host loads', state => {
        state.left.restarts--
        begin(state)
      })
    }
    for (const [at, host] of hosts.entries()) {
      if (reads(host)) yield* served(step, before, at)
      if (host.phase === 'loading') yield* loads(step, before, at)
      if (left.kills > 0) {
        yield step(`host ${at} is killed`, state => {
          state.left.kills--
          die(state, at)
        })
      }
    }
    if (old?.phase === 'serving' && hosts[1]?.phase === 'loading')
      yield step('the old host is silent', state => setPhase(state, 0, 'silent'))
    if (old?.phase === 'silent') {
      if (aside === undefined) {
        yield step('the old host writes aside', state => {
          state.aside = travelling(state)
        })
      } else {
        yield step('the file gets its name', state => {
          state.file = {
            books: state.aside ?? empty(),
            isSynced: holds('the file has its name when it is whole and on the disk'),
          }
          state.aside = undefined
          setPhase(state, 0, 'written')
        })
      }
      if (left.fullDisks > 0) {
        yield step('the disk is full', state => {
          state.left.fullDisks--
          state.aside = undefined
          if (holds('a host whose file cannot be written goes on')) {
            setPhase(state, 0, 'serving')
            state.hosts.splice(1)
          } else die(state, 0)
        })
      }
    }
    if (old?.phase === 'written') yield step('the old host ends', state => end(state, 0))
    if (file !== undefined && !file.isSynced)
      yield step('the file is on the disk', state => {
        if (state.file !== undefined) state.file.isSynced = true
      })
    if (left.powerCuts > 0 && hosts.length > 0) {
      yield step('the power goes', state => {
        state.left.powerCuts--
        while (state.hosts.length > 0) die(state, 0)
        state.aside = undefined
        if (state.file?.isSynced === false) state.file = undefined
      })
    }
  }

  type MakeStep = (name: string, act: (state: HandOverState) => void) => Step<HandOverState>

  /** A host that reads what the client sends, and answers. */
  function* served(step: MakeStep, { unanswered, verdict, inHand, hosts }: HandOverState, at: number) {
    const books = hosts[at]?.books
    const [next] = unanswered
    if (next !== undefined) {
      yield step(`host ${at} takes ${next} over`, state => takeOver(state, at, next))
      // The answer is lost with the connection: it comes again.
      if ((books?.mark ?? 0) < next)
        yield step(`host ${at} takes ${next} over, and its answer is lost`, state =>
          takeOver(state, at, next, false),
        )
    }
    if (verdict > 0) yield step(`host ${at} settles ${verdict}`, state => settle(state, at))
    if (inHand === 0 && verdict === 0 && hosts[at]?.phase === 'serving' && (books?.waiting.length ?? 0) > 0)
      yield step(`host ${at} hands out`, state => handOut(state, at))
  }

  function* loads(step: MakeStep, { file }: HandOverState, at: number) {
    // The port is the lock: the other one has it until it ends.
    if (at > 0 && holds('the old host ends before the new one has the port')) return
    if (file === undefined || !holds('the new host takes in before it listens')) {
      yield step(`host ${at} listens`, state => setPhase(state, at, 'serving'))
      if (file === undefined) return
    }
    yield step(`host ${at} takes in`, state => takeIn(state, at))
  }

  function begin(state: HandOverState): void {
    state.hosts.push({ phase: 'loading', books: empty() })
  }

  function takeIn(state: HandOverState, at: number): void {
    const { file, hosts } = state
    const host = hosts[at]
    if (file === undefined || host === undefined) return
    const { books } = file
    // The client comes back to the session that travelled; what it has in hand, or has settled meanwhile, is its own.
    host.books = copy(books)
    if (holds('the file goes before the new host listens')) state.file = undefined
    host.phase = 'serving'
  }

  /** What the file holds. A verdict on its way finds its delivery there. */
  function travelling({ hosts }: HandOverState): Books {
    const books = copy(hosts[0]?.books ?? empty())
    if (!holds('marks travel')) books.mark = 0
    if (!holds('what is in flight travels')) books.inFlight = []
    return books
  }

  function takeOver(state: HandOverState, at: number, message: number, isAnswered = true): void {
    const books = state.hosts[at]?.books
    if (books === undefined) return
    if (message > books.mark) {
      books.mark = message
      books.waiting.push(message)
      state.takeovers[message] = (state.takeovers[message] ?? 0) + 1
      state.mayBeLost = state.mayBeLost.filter(each => each !== message)
    }
    if (!isAnswered) return
    state.unanswered = state.unanswered.filter(each => each !== message)
    state.resolved.push(message)
  }

  function settle(state: HandOverState, at: number): void {
    const books = state.hosts[at]?.books
    const { verdict } = state
    if (books === undefined) return
    state.verdict = 0
    // A host that does not owe it any more, or never did, drops it.
    if (!books.inFlight.includes(verdict)) return
    if (state.settled.includes(verdict) && state.takeovers[verdict] === 1) state.settledTwice = true
    books.inFlight = books.inFlight.filter(each => each !== verdict)
    if (!state.settled.includes(verdict)) state.settled.push(verdict)
  }

  function handOut(state: HandOverState, at: number): void {
    const books = state.hosts[at]?.books
    const message = books?.waiting.shift()
    if (books === undefined || message === undefined) return
    books.inFlight.push(message)
    state.inHand = message
    if (!state.order.includes(message)) state.order.push(message)
  }

  function setPhase(state: HandOverState, at: number, phase: Host['phase']): void {
    const host = state.hosts[at]
    if (host !== undefined) host.phase = phase
  }

  function end(state: HandOverState, at: number): void {
    state.hosts.splice(at, 1)
  }

  /** As by kill -9: its memory is gone, and with it what no file has. */
  function die(state: HandOverState, at: number): void {
    const host = state.hosts[at]
    if (host === undefined) return
    const { books, phase } = host
    if (phase === 'silent') state.aside = undefined
    const isKept = phase === 'written'
    end(state, at)
    if (isKept || phase === 'loading') return
    state.mayBeLost.push(...books.waiting, ...books.inFlight)
    // The client's session is lost with the host: what it had in hand is nobody's, what was not answered goes again.
    state.inHand = 0
    state.verdict = 0
  }

  const everywhere = ({ hosts, file }: HandOverState): Books[] => {
    // One that is written is in the file; one that is being replaced has nothing of its own.
    const own = hosts.filter(({ phase }) => phase !== 'written').map(({ books }) => books)
    const isRead =
      file === undefined || hosts.some(({ phase, books }) => phase === 'serving' && books.mark > 0)
    return isRead ? own : [...own, file.books]
  }

  return {
    start,
    steps,
    isAtRest: state =>
      state.published === messages &&
      state.unanswered.length === 0 &&
      state.inHand === 0 &&
      state.verdict === 0 &&
      state.file === undefined &&
      everywhere(state).every(({ waiting, inFlight }) => waiting.length + inFlight.length === 0),
    invariants: {
      I1: state => {
        const lost = state.resolved.find(
          message =>
            !state.mayBeLost.includes(message) &&
            !state.settled.includes(message) &&
            !everywhere(state).some(books => owes(books, message)),
        )
        return lost === undefined
          ? undefined
          : `${lost} was accepted, no host was killed that had it, and it is nowhere`
      },
      I2: ({ takeovers, left }) => {
        const deaths = world.kills - left.kills + world.powerCuts - left.powerCuts
        const often = takeovers.findIndex(times => times > 1 + deaths)
        return often < 0 ? undefined : `${often} was taken over ${takeovers[often] ?? 0} times`
      },
      I3: ({ order }) =>
        order.every((message, i) => i === 0 || message > (order[i - 1] ?? 0))
          ? undefined
          : `handed out as ${order.join()}`,
      I4: state => {
        if (state.settledTwice) return 'a delivery was settled twice'
        // One that was taken over anew by a host that knew nothing of it is another one.
        const again = state.settled.find(
          message => state.takeovers[message] === 1 && everywhere(state).some(books => owes(books, message)),
        )
        return again === undefined ? undefined : `${again} is settled and owed again`
      },
      I5: state => {
        const serving = state.hosts.filter(reads)
        if (serving.length > 1) return 'two hosts serve at once'
        const held = state.hosts.flatMap(({ phase, books }) => (phase === 'written' ? [] : books.inFlight))
        return new Set(held).size < held.length ? 'a message is in flight twice' : undefined
      },
    },
  }
}

function owes({ waiting, inFlight }: Books, message: number): boolean {
  return waiting.includes(message) || inFlight.includes(message)
}
