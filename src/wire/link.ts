import type { ByteReader } from '../codec/byte-reader.js'
import { bodyOf, FrameKind, HEADER_BYTES, readHeader, writeHeader } from './frames/frames.js'
import { broken, EAGER_FRAMES, WINDOW_BYTES } from './protocol.js'

export interface LinkOwner {
  /**
   * One frame, each once and in order. A promise holds back the acknowledgement of this frame and of those after it.
   *
   * @throws ProtocolError
   */
  handle(kind: FrameKind, body: ByteReader, number: number): void | Promise<void>
  /** The other side has finished all frames up to this number. */
  acked(number: number): void
  /** The moment to send the collected entries: the turn is over, or there is room again. */
  flush(): void
  /** Runs something when the current turn of the event loop is over. */
  endOfTurn(run: () => void): void
  /** A frame is about to be taken in. It stays with the other side if this throws. */
  admit?(kind: FrameKind): void
  /** Frames that wait for the other side take so many bytes more, or fewer. */
  used?(bytes: number): void
  /** A frame other than a delivery waits for the other side, too. */
  answered?(): void
}

/** A frame costs about this much beside its bytes, until the other side has finished it. */
const FRAME_BYTES = 128

const noBytes = new Uint8Array(0)

/** The state of a link, which another process can continue. */
export interface LinkState {
  readonly received: number
  readonly ackedByPeer: number
  readonly receivedByPeer: number
}

/** A frame that the other side has not finished. */
export interface RetainedFrame {
  readonly kind: FrameKind
  readonly bytes: Uint8Array
  /**
   * The acknowledgement in this frame when it was sent. A later one must not go out before it. The frame may contain
   * more about it.
   */
  readonly ackedBefore: number
}

/** Without its bytes once the other side has received them: it never gets them again. */
type Retained = { -readonly [K in keyof RetainedFrame]: RetainedFrame[K] }

/**
 * One reliable, ordered stream of frames in each direction, over connections that come and go. Frames are numbered,
 * kept until acknowledged, sent again when a new connection shows that they are missing, and dropped when they come
 * twice. At most WINDOW_BYTES are on their way at once. Pure: no I/O, no timers.
 */
export class Link {
  readonly #owner: LinkOwner
  /** Frames that the other side has not finished; the first has the number `#ackedByPeer + 1`. */
  #retained: Retained[] = []
  #retainedBytes = 0
  #answerBytes = 0
  #ackedByPeer = 0
  #receivedByPeer = 0
  #transmitted = 0
  /** Over all connections. */
  #everTransmitted = 0
  #bytesOnTheWay = 0
  #received = 0
  #acked = 0
  /** Unfinished frames, in order, when one of them takes its time. */
  readonly #working: { readonly number: number; done: boolean }[] = []
  #transmit: ((frame: Uint8Array) => void) | undefined
  #ackDue = false
  #turnAwaited = false

  constructor(owner: LinkOwner) {
    this.#owner = owner
  }

  /** The last frame of the other side that was taken in, for a resumed connection. */
  get received(): number {
    return this.#received
  }

  get lastNumber(): number {
    return this.#ackedByPeer + this.#retained.length
  }

  /** The other side has finished all frames up to here. */
  get ackedByPeer(): number {
    return this.#ackedByPeer
  }

  /** The last frame that the other side may have received. */
  get everTransmitted(): number {
    return this.#everTransmitted
  }

  get isAttached(): boolean {
    return this.#transmit !== undefined
  }

  /** The memory of frames that wait for the other side. */
  get retainedBytes(): number {
    return this.#retainedBytes
  }

  /** The part of it that is not deliveries. */
  get answerBytes(): number {
    return this.#answerBytes
  }

  /** Waiting gains nothing: a frame sent now goes out now. */
  get isEager(): boolean {
    return this.#transmit !== undefined && this.lastNumber - this.#receivedByPeer < EAGER_FRAMES
  }

  /** The other side has not finished some frame of that kind. */
  retainsAny(kind: FrameKind): boolean {
    return this.#retained.some(frame => frame.kind === kind)
  }

  /**
   * Takes a frame over; its header is written when it goes.
   *
   * @returns its number
   */
  send(kind: FrameKind, bytes: Uint8Array): number {
    this.retain({ kind, bytes, ackedBefore: this.#acked })
    const number = this.lastNumber
    this.#pump()
    if (kind !== FrameKind.Deliver) this.#owner.answered?.()
    return number
  }

  /** All received frames are finished, or the next process will finish them. */
  get state(): LinkState {
    return { received: this.#received, ackedByPeer: this.#ackedByPeer, receivedByPeer: this.#receivedByPeer }
  }

  /** As numbered from `ackedByPeer` on. */
  get retained(): readonly RetainedFrame[] {
    return this.#retained
  }

  /** Call it before anything else: continues the link of another process. */
  restore({ received, ackedByPeer, receivedByPeer }: LinkState): void {
    this.#received = received
    this.#acked = received
    this.#ackedByPeer = ackedByPeer
    this.#receivedByPeer = receivedByPeer
    this.#transmitted = receivedByPeer
  }

  retain({ kind, bytes, ackedBefore }: RetainedFrame): void {
    this.#retained.push({ kind, bytes, ackedBefore })
    this.#count(kind, FRAME_BYTES + bytes.length)
  }

  /** Whether the other side can have received exactly this much: at least as much as it reported before. */
  fits(receivedByPeer: number): boolean {
    return receivedByPeer >= this.#receivedByPeer && receivedByPeer <= this.lastNumber
  }

  /**
   * A connection is up, and the other side has received all up to `receivedByPeer`.
   *
   * @throws ProtocolError if that is impossible
   */
  attach(receivedByPeer: number, transmit: (frame: Uint8Array) => void): void {
    if (!this.fits(receivedByPeer)) throw broken('acknowledges what was never sent')
    this.#transmit = transmit
    this.#receivedUpTo(receivedByPeer)
    this.#transmitted = receivedByPeer
    this.#bytesOnTheWay = 0
    // The last acknowledgement may have been lost with the connection before.
    this.#ackDue = this.#received > 0
    this.#pump()
    this.#owner.flush()
    if (this.#ackDue) this.wake()
  }

  /** The connection is gone: frames wait for the next one. */
  detach(): void {
    this.#transmit = undefined
  }

  /** @throws ProtocolError */
  receive(bytes: Uint8Array): void {
    const { kind, number, received, acked } = readHeader(bytes)
    this.#acknowledge(received, acked)
    if (number > this.#received + 1) throw broken('is missing before this one')
    if (number === 0) void this.#owner.handle(kind, bodyOf(bytes), 0)
    else if (number === this.#received + 1) this.#take(kind, bytes, number)
  }

  /** Calls `flush` at the end of this turn; with enough on its way, when there is room again. */
  wake(): void {
    if (this.#turnAwaited) return
    this.#turnAwaited = true
    this.#owner.endOfTurn(() => {
      this.#turnAwaited = false
      if (this.isEager) this.#owner.flush()
      if (this.#ackDue) this.#sendAck()
    })
  }

  /** A frame without a number: sent now or never. */
  signal(kind: typeof FrameKind.Ack | typeof FrameKind.Bye): void {
    if (this.#transmit === undefined) return
    const frame = new Uint8Array(HEADER_BYTES)
    const acked = this.#frame(this.#transmitted + 1)?.ackedBefore ?? this.#acked
    writeHeader(frame, kind, 0, this.#received, acked)
    this.#ackDue = false
    this.#transmit(frame)
  }

  #sendAck(): void {
    this.signal(FrameKind.Ack)
  }

  #take(kind: FrameKind, bytes: Uint8Array, number: number): void {
    this.#owner.admit?.(kind)
    this.#received = number
    this.#ackDue = true
    const work = this.#owner.handle(kind, bodyOf(bytes), number)
    // Not earlier: the frames that others get because of this one go out first, then its acknowledgement.
    this.wake()
    if (work === undefined && this.#working.length === 0) {
      this.#acked = number
      // Frames sent meanwhile could not acknowledge this yet.
      this.#ackDue = true
      return
    }
    const entry = { number, done: work === undefined }
    this.#working.push(entry)
    if (work === undefined) return
    const done = (): void => {
      entry.done = true
      this.#advance()
    }
    work.then(done, done)
  }

  #advance(): void {
    while (this.#working[0]?.done === true) {
      this.#acked = this.#working[0].number
      this.#working.shift()
      this.#ackDue = true
    }
    if (this.#ackDue) this.wake()
  }

  #acknowledge(received: number, acked: number): void {
    if (received > this.#transmitted || acked > received) throw broken('acknowledges what was never sent')
    const progress = received > this.#receivedByPeer
    if (progress) this.#receivedUpTo(received)
    if (acked > this.#ackedByPeer) {
      const done = this.#retained.splice(0, acked - this.#ackedByPeer)
      for (const frame of done) this.#count(frame.kind, -FRAME_BYTES - frame.bytes.length)
      this.#ackedByPeer = acked
      this.#owner.acked(acked)
    }
    if (!progress) return
    this.#pump()
    if (this.isEager) this.#owner.flush()
  }

  #receivedUpTo(received: number): void {
    for (let number = this.#receivedByPeer + 1; number <= received; number++) {
      const frame = this.#frame(number)
      if (frame === undefined) continue
      const { length } = frame.bytes
      this.#bytesOnTheWay -= length
      this.#count(frame.kind, -length)
      frame.bytes = noBytes
    }
    this.#receivedByPeer = received
  }

  #count(kind: FrameKind, bytes: number): void {
    this.#retainedBytes += bytes
    this.#owner.used?.(bytes)
    if (kind !== FrameKind.Deliver) this.#answerBytes += bytes
  }

  #frame(number: number): Retained | undefined {
    return this.#retained[number - this.#ackedByPeer - 1]
  }

  #pump(): void {
    while (this.#transmit !== undefined && this.#bytesOnTheWay < WINDOW_BYTES) {
      const frame = this.#frame(this.#transmitted + 1)
      if (frame === undefined) return
      this.#transmitted++
      if (this.#transmitted > this.#everTransmitted) this.#everTransmitted = this.#transmitted
      this.#bytesOnTheWay += frame.bytes.length
      // Also when it is sent again: the receiver reads the header before the body, which may contain more.
      writeHeader(frame.bytes, frame.kind, this.#transmitted, this.#received, frame.ackedBefore)
      this.#ackDue = frame.ackedBefore < this.#acked
      if (this.#ackDue) this.wake()
      this.#transmit(frame.bytes)
    }
  }
}
