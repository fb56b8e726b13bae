import { copy, type Model, type Step } from './explore.js'

/**
 * A client with one subscription, its link to a host, and what happens to both: cuts that lose what is on its way, half-open
 * connections, sessions that end, a host that is killed. One message is one frame; one consumer has one message in hand.
 *
 * `docs/protocol.md` has the protocol. `broken` leaves out one of its rules, to see that its invariant falls.
 */
export interface SessionWorld {
  readonly messages: number
  /** The host has a store: books and marks outlive it. */
  readonly hasStore: boolean
  readonly cuts: number
  readonly kills: number
  readonly expiries: number
  readonly broken?: SessionRule
}

export type SessionRule =
  | 'what was not received is sent again'
  | 'what was published is marked'
  | 'both sides say how far they have received'
  | 'an acknowledgement follows what it acknowledges'
  | 'what a dead session held goes back'
  | 'a mark is kept with its message'

/** From the client: a publish, or the verdict on a delivery. From the host: a delivery, or nothing but `received`. */
interface Frame {
  /** 0: not numbered. */
  readonly number: number
  readonly message: number
  readonly isVerdict?: boolean
  /** How far the host is done. */
  readonly done?: number
}

/** One direction of a link, at its sender: what the other side is not done with, and how many were sent. */
interface Sender {
  sent: number
  retained: Frame[]
}

interface Connection {
  readonly id: number
  readonly session: number
  up: Frame[]
  down: Frame[]
}

interface Session {
  readonly id: number
  /** The connection that speaks for it; 0: none. */
  connection: number
  received: number
  done: number
  /** Read, and not yet in the books: written to the disk in one go. */
  reading: Frame[]
  sender: Sender
}

interface Books {
  taken: number[]
  waiting: number[]
  /** Message and session. */
  inFlight: [number, number][]
  acked: number[]
  mark: number
}

export interface SessionState {
  published: number
  resolved: number[]
  client: {
    session: number
    connection: number
    received: number
    sender: Sender
    inHand: number
    handed: number[]
  }
  host: { session: Session | undefined; books: Books; lastSession: number }
  connections: Connection[]
  lastConnection: number
  /** First hand-outs, in order. */
  order: number[]
  /** How often each was taken over, in all lives. */
  takeovers: number[]
  ackedTwice: boolean
  left: { cuts: number; kills: number; expiries: number; killed: number }
}

const sender = (): Sender => ({ sent: 0, retained: [] })
const books = (): Books => ({ taken: [], waiting: [], inFlight: [], acked: [], mark: 0 })

export function sessionModel(world: SessionWorld): Model<SessionState> {
  const { messages, hasStore, broken } = world
  const start: SessionState = {
    published: 0,
    resolved: [],
    client: { session: 0, connection: 0, received: 0, sender: sender(), inHand: 0, handed: [] },
    host: { session: undefined, books: books(), lastSession: 0 },
    connections: [],
    lastConnection: 0,
    order: [],
    takeovers: new Array<number>(messages + 1).fill(0),
    ackedTwice: false,
    left: { cuts: world.cuts, kills: world.kills, expiries: world.expiries, killed: 0 },
  }
  const holds = (rule: SessionRule): boolean => rule !== broken

  function* steps(before: SessionState): Generator<Step<SessionState>> {
    const step = (name: string, act: (state: SessionState) => void): Step<SessionState> => {
      const state = copy(before)
      act(state)
      return { name, state }
    }
    const { client, host, connections, left } = before
    if (before.published < messages) yield step('the app publishes', publish)
    if (client.inHand > 0) {
      yield step(`the consumer acks ${client.inHand}`, state => {
        send(state, { message: state.client.inHand, isVerdict: true })
        state.client.inHand = 0
      })
    }
    for (const { id, up, down } of connections) {
      if (up.length > 0) yield step(`the host reads from connection ${id}`, state => hostReads(state, id))
      if (down.length > 0)
        yield step(`the client reads from connection ${id}`, state => clientReads(state, id))
    }
    if (client.connection === 0) yield step('the client connects', connect)
    else if (left.cuts > 0) {
      // The host hears of it later, or never before the next one comes.
      yield step('the connection breaks', state => {
        state.left.cuts--
        const connection = find(state, state.client.connection)
        if (connection !== undefined) connection.down = []
        state.client.connection = 0
      })
    }
    const own = host.session
    if (own !== undefined && own.reading.length > 0) yield step('the host commits', commit)
    if (own !== undefined && own.connection !== 0 && own.connection !== client.connection)
      yield step('the host notices', state => lose(state, own.connection))
    if (own?.connection === 0 && left.expiries > 0) {
      yield step('the session expires', state => {
        state.left.expiries--
        endSession(state)
      })
    }
    if (left.kills > 0) yield step('the host is killed', kill)
  }

  function publish(state: SessionState): void {
    send(state, { message: ++state.published })
  }

  function send(state: SessionState, { message, isVerdict }: Omit<Frame, 'number'>): void {
    const { client } = state
    const frame: Frame = {
      number: ++client.sender.sent,
      message,
      ...(isVerdict === true ? { isVerdict } : {}),
    }
    client.sender.retained.push(frame)
    find(state, client.connection)?.up.push(frame)
  }

  function connect(state: SessionState): void {
    const { client, host } = state
    const resumes = host.session !== undefined && host.session.id === client.session
    if (!resumes) begin(state)
    const { session } = host
    if (session === undefined) return
    const id = ++state.lastConnection
    const before = session.connection
    // The newer one takes the session over.
    session.connection = id
    lose(state, before)
    const again = holds('what was not received is sent again')
    // Each side says how far it has received: the rest goes again.
    if (holds('both sides say how far they have received')) {
      acknowledged(state, session.done)
      session.sender.retained = session.sender.retained.filter(({ number }) => number > client.received)
    }
    state.connections.push({
      id,
      session: session.id,
      up: again ? client.sender.retained.filter(({ number }) => number > session.received) : [],
      down: again ? [...session.sender.retained] : [],
    })
    client.connection = id
    handOut(state)
  }

  /** The host knows nothing of the session: both begin anew, and what was not taken over is published again. */
  function begin(state: SessionState): void {
    const { client, host } = state
    endSession(state)
    host.session = {
      id: ++host.lastSession,
      connection: 0,
      received: 0,
      done: 0,
      reading: [],
      sender: sender(),
    }
    const open = Array.from({ length: state.published }, (_, i) => i + 1).filter(
      n => !state.resolved.includes(n),
    )
    client.session = host.session.id
    client.received = 0
    client.inHand = 0
    client.handed = []
    client.sender = { sent: open.length, retained: open.map((message, i) => ({ number: i + 1, message })) }
  }

  function hostReads(state: SessionState, id: number): void {
    const connection = find(state, id)
    const frame = connection?.up.shift()
    const { session } = state.host
    if (connection === undefined || frame === undefined) return
    if (session?.id !== connection.session) return
    // What an old connection says counts for nothing.
    if (session.connection !== id) return
    if (frame.number <= session.received) return
    session.received = frame.number
    session.reading.push(frame)
    if (!holds('an acknowledgement follows what it acknowledges'))
      connection.down.push({ number: 0, message: 0, done: frame.number })
  }

  /** The transaction is on the disk; in memory, the turn is over. */
  function commit(state: SessionState): void {
    const { session, books } = state.host
    if (session === undefined) return
    for (const { message, isVerdict } of session.reading.splice(0)) {
      if (isVerdict !== true) takeOver(state, message)
      else if (books.inFlight.some(([held, holder]) => held === message && holder === session.id))
        settle(state, message)
    }
    session.done = session.received
    find(state, session.connection)?.down.push({ number: 0, message: 0, done: session.done })
    handOut(state)
  }

  function takeOver(state: SessionState, message: number): void {
    const { books } = state.host
    if (message <= books.mark && holds('what was published is marked')) return
    books.mark = Math.max(books.mark, message)
    state.takeovers[message] = (state.takeovers[message] ?? 0) + 1
    books.taken.push(message)
    books.waiting.push(message)
  }

  function settle(state: SessionState, message: number): void {
    const { books } = state.host
    if (books.acked.includes(message)) state.ackedTwice = true
    books.inFlight = books.inFlight.filter(([held]) => held !== message)
    books.acked.push(message)
  }

  function acknowledged(state: SessionState, done: number): void {
    const { client } = state
    client.sender.retained = client.sender.retained.filter(({ number, message, isVerdict }) => {
      if (number > done) return true
      if (isVerdict !== true && !state.resolved.includes(message)) state.resolved.push(message)
      return false
    })
  }

  function handOut(state: SessionState): void {
    const { session, books } = state.host
    if (session === undefined || session.connection === 0) return
    if (books.inFlight.length > 0) return
    const message = books.waiting.shift()
    if (message === undefined) return
    books.inFlight.push([message, session.id])
    if (!state.order.includes(message)) state.order.push(message)
    const frame: Frame = { number: ++session.sender.sent, message }
    session.sender.retained.push(frame)
    find(state, session.connection)?.down.push(frame)
  }

  function clientReads(state: SessionState, id: number): void {
    const frame = find(state, id)?.down.shift()
    const { client } = state
    if (frame === undefined || client.connection !== id) return
    if (frame.done !== undefined) return acknowledged(state, frame.done)
    if (frame.number <= client.received) return
    client.received = frame.number
    client.inHand = frame.message
    client.handed.push(frame.message)
  }

  function lose(state: SessionState, id: number): void {
    if (id === 0) return
    state.connections = state.connections.filter(connection => connection.id !== id)
    const { session } = state.host
    if (session?.connection === id) session.connection = 0
  }

  function endSession(state: SessionState): void {
    const { host } = state
    const { session, books } = host
    if (session === undefined) return
    lose(state, session.connection)
    if (holds('what a dead session held goes back')) {
      const back = books.inFlight.filter(([, holder]) => holder === session.id).map(([message]) => message)
      books.inFlight = books.inFlight.filter(([, holder]) => holder !== session.id)
      books.waiting.unshift(...back)
    }
    host.session = undefined
  }

  function kill(state: SessionState): void {
    const { host, client, left } = state
    left.kills--
    left.killed++
    state.connections = []
    client.connection = 0
    host.session = undefined
    if (!hasStore) {
      host.books = books()
      return
    }
    const { books: kept } = host
    kept.waiting.unshift(...kept.inFlight.map(([message]) => message))
    kept.inFlight = []
    if (!holds('a mark is kept with its message')) kept.mark = 0
  }

  return {
    start,
    steps,
    isAtRest: ({ published, resolved, client, host: { books, session }, left }) =>
      published === messages &&
      resolved.length === messages &&
      client.inHand === 0 &&
      (session?.reading.length ?? 0) === 0 &&
      books.waiting.length === 0 &&
      books.inFlight.length === 0 &&
      (left.killed > 0 && !hasStore ? true : books.acked.length === messages),
    invariants: {
      // What publish() resolved for is owed or settled; the death of a memory host alone may lose it.
      I1: ({ resolved, host: { books }, left }) => {
        if (left.killed > 0 && !hasStore) return undefined
        const lost = resolved.find(message => places(books, message) === 0)
        return lost === undefined ? undefined : `${lost} was accepted and is nowhere`
      },
      // Sending again makes no second one.
      I2: ({ takeovers, left }) => {
        const most = hasStore ? 1 : 1 + left.killed
        const twice = takeovers.findIndex(times => times > most)
        return twice < 0 ? undefined : `${twice} was taken over ${takeovers[twice] ?? 0} times`
      },
      I3: ({ order }) =>
        order.every((message, i) => i === 0 || message > (order[i - 1] ?? 0))
          ? undefined
          : `handed out as ${order.join()}`,
      I4: ({ ackedTwice, host: { books } }) => {
        if (ackedTwice) return 'a delivery was settled twice'
        const again = books.acked.find(message => books.waiting.includes(message))
        return again === undefined ? undefined : `${again} is settled and waits again`
      },
      // In one place of the books, and with one holder, who is there.
      I5: ({ host: { books, session } }) => {
        const many = books.taken.find(message => places(books, message) > 1)
        if (many !== undefined) return `${many} is in several places`
        const stray = books.inFlight.find(([, holder]) => holder !== session?.id)
        return stray === undefined ? undefined : `${stray[0]} is held by a session that is gone`
      },
    },
  }
}

function places({ waiting, inFlight, acked }: Books, message: number): number {
  const count = (list: readonly number[]): number => list.filter(each => each === message).length
  return count(waiting) + count(inFlight.map(([held]) => held)) + Math.min(1, count(acked))
}

function find({ connections }: SessionState, id: number): Connection | undefined {
  return connections.find(connection => connection.id === id)
}
