import type { ByteReader } from '../../codec/byte-reader.js'
import { MsgvanError, StoreError } from '../../errors.js'
import type { Block } from '../../broker/memory/block.js'
import type { WaitingMemory } from '../../broker/memory/waiting-memory.js'
import { mayPass } from '../backbone/may-pass.js'
import { Envelope, noHeaders } from '../../message/envelope.js'
import { Encoding } from '../../codec/encoding.js'
import { tooLarge } from '../../codec/payload.js'
import {
  encodeGap,
  encodeNotice,
  encodeOutcome,
  toWireError,
  type OutcomeEntry,
  type WireError,
} from '../../wire/frames/control-frames.js'
import { FrameKind } from '../../wire/frames/frames.js'
import type { Link } from '../../wire/link.js'
import { PublishReader } from '../../wire/frames/publish-frame.js'
import { ReadingTable } from '../../wire/frames/string-table.js'
import {
  ENTRY_BYTES,
  HeldPublishes,
  type ClientBudget,
  type HeldEntry,
  type PublishId,
} from './client-budget.js'
import type { FollowerSession } from '../backbone/leader/follower-session.js'
import type { Principal } from '../rights/principal.js'
import type { Access } from '../rights/principals.js'
import type { LateOutcome, Publisher } from './publisher.js'
import type { VanStore } from '../store/van-store.js'
import type { Notices, Van } from '../van/van.js'

export interface PublishReceiverOptions {
  readonly client: string
  readonly van: Van
  readonly maxPayload: number
  readonly maxWaiting: number
  /** The rights of the principal. Undefined: the client may publish everything. */
  readonly access?: Access | undefined
}

/** The parts of a session, as its receiver uses them. */
interface ReceiverParts {
  readonly link: Link
  readonly budget: ClientBudget
  /** The client has messages that are not settled. */
  readonly holdsMessages: () => boolean
}

/** Refusals that a frame reported: the frame, and the publishes. */
export interface ReportedRefusals {
  readonly number: number
  readonly sequences: readonly number[]
}

/** A publish that this turn's write has, or one before. */
interface Offered {
  readonly envelope: Envelope
  readonly isRepeated: boolean
}

/** The publisher of a held publish in a state: the name of the client may be another one in the next process. */
const OWN = ''

/** The state of a receiver, for another process to continue. */
export interface PublishReceiverState {
  readonly texts: readonly string[]
  readonly told: readonly ReportedRefusals[]
  readonly held: readonly (Omit<PublishId, 'size'> & { readonly frame: number; readonly index: number })[]
}

/** The outcome of a publish that was not accepted at once, and its identity. */
interface LateEntry extends OutcomeEntry {
  readonly envelope: PublishId
}

/**
 * Takes in the publishes of one session's client, and reports the outcome of those that were not taken over at once.
 */
export class PublishReceiver {
  readonly #options: PublishReceiverOptions
  readonly #link: Link
  readonly #budget: ClientBudget
  readonly #holdsMessages: () => boolean
  readonly #follower: () => FollowerSession | undefined
  readonly #publisher: Publisher
  /** The publisher's name in its messages. */
  readonly #name: string
  /** The key of its mark. */
  readonly markKey: string
  readonly #reading = new ReadingTable()
  /** The memory of the last frame. */
  #block: Block | undefined
  /** Publishes that are held back. */
  readonly #held: HeldPublishes
  /** Outcomes of publishes that were held back, by frame, not reported yet. */
  readonly #unreported = new Map<number, LateEntry[]>()
  /** Refusals on their way to the client: the frame that reports them, and the publishes. */
  readonly #refusals: ReportedRefusals[] = []
  #hasEnded = false
  readonly #notices: Notices = {
    holdsMessages: () => this.#holdsMessages(),
    error: error => {
      if (!this.#hasEnded) this.#link.send(FrameKind.Notice, encodeNotice(toWireError(error)))
    },
    missed: missed => {
      if (!this.#hasEnded) this.#link.send(FrameKind.Gap, encodeGap(missed))
    },
  }

  /**
   * @param follower the client as another host, if it is one: it may pass on others' publishes
   */
  constructor(
    options: PublishReceiverOptions,
    { link, budget, holdsMessages }: ReceiverParts,
    follower: () => FollowerSession | undefined,
  ) {
    this.#options = options
    this.#follower = follower
    this.#link = link
    this.#budget = budget
    this.#holdsMessages = holdsMessages
    this.#held = new HeldPublishes(options.maxWaiting / 8, options.van.broker.memory)
    const { van, client, access } = options
    this.#name = (van.reach.publisherPrefix ?? '') + client
    this.markKey = markKey(client, access?.principal.name)
    this.#publisher = van.publishers.get(this.markKey)
    van.notices.set(this.#name, this.#notices)
    const { error } = van.losses
    if (error !== undefined) this.#notices.error(error)
  }

  get publisher(): Publisher {
    return this.#publisher
  }

  /** The bytes of publishes that wait for room. */
  get heldBytes(): number {
    return this.#held.bytes
  }

  get state(): PublishReceiverState {
    const held = [...this.#held.all()].map(({ frame, index, envelope: { publisher, sequence, topic } }) => {
      return { frame, index, publisher: publisher === this.#name ? OWN : publisher, sequence, topic }
    })
    return { texts: this.#reading.texts, told: this.#refusals, held }
  }

  /**
   * Call it before any publish: continues the state of another process. This host owes the messages that were held back
   * there.
   */
  restore({ texts, told, held }: PublishReceiverState): void {
    this.#reading.restore(texts)
    for (const each of told) this.#remember(each)
    for (const { frame, index, publisher: by, sequence, topic } of held) {
      const publisher = by === OWN ? this.#name : by
      const envelope = new Envelope(publisher, sequence, topic, noHeaders, 0, undefined, 0, Encoding.Bytes)
      const outcome = this.#awaitAgain(envelope)
      if (outcome === undefined) this.#settledLate(frame, { index, envelope, outcome: 'taken' })
      else this.#late({ frame, index, envelope }, outcome)
    }
  }

  /** One PUBLISH frame. The link acknowledges the frame when the returned promise resolves. */
  receive(body: ByteReader, frame: number): void | Promise<void> {
    const { van, maxPayload, access } = this.#options
    let late: LateEntry[] | undefined
    /** To be refused again, if they cannot be written. A repetition is refused only if its first write fails. */
    const offered: Offered[] = []
    /** Outcomes that fail with the write. */
    const writing: Promise<unknown>[] = []
    let index = 0
    const refusal = van.refusalOf(body.remaining) ?? this.#held.refusal
    const follower = this.#follower()
    // A host that has joined limits its own clients.
    const limited = follower === undefined ? access?.principal : undefined
    this.#block = blockIn(van.broker.memory, body, this.#block, limited)
    const nameOf = follower && ((publisher: string) => follower.nameOf(publisher))
    const reader = new PublishReader(body, this.#reading, this.#name, nameOf, this.#block)
    for (let envelope = reader.next(); envelope !== undefined; envelope = reader.next()) {
      const isOwn = follower === undefined || envelope.publisher === this.#name
      const refused =
        access === undefined
          ? refusal
          : (refusalOf(envelope, access.principal, limited, this.#publisher) ?? refusal)
      const isRepeated = van.vanStore !== undefined && (isOwn ? this.#publisher : follower).has(envelope)
      const outcome = isOwn
        ? this.#publisher.offer(envelope, van, maxPayload, refused, limited?.publishRoom(this.#holdsMessages))
        : passOn(this.#options, envelope, follower, refused, isRepeated ? undefined : writing)
      if (van.vanStore !== undefined) offered.push({ envelope, isRepeated })
      if (outcome !== undefined) (late ??= []).push(this.#late({ frame, index, envelope }, outcome))
      index++
    }
    this.#block.look()
    if (late !== undefined) this.#report(frame, late)
    return van.vanStore === undefined ? undefined : this.#kept(van.vanStore, frame, offered, writing, late)
  }

  /** Sends all outcomes. */
  flush(): void {
    if (this.#unreported.size === 0) return
    for (const [frame, entries] of this.#unreported) this.#report(frame, entries)
    this.#unreported.clear()
  }

  /** The client has finished our frames up to this one: it knows the outcomes in them for good. */
  acked(number: number): void {
    for (
      let told = this.#refusals[0];
      told !== undefined && told.number <= number;
      told = this.#refusals[0]
    ) {
      this.#refusals.shift()
      this.#budget.release(ENTRY_BYTES * told.sequences.length)
      for (const sequence of told.sequences) this.#publisher.acknowledge(sequence)
    }
  }

  /** The session is over; its client may come back with another one. */
  end(): void {
    this.#hasEnded = true
    this.#unreported.clear()
    const { van } = this.#options
    if (van.notices.get(this.#name) === this.#notices) van.notices.delete(this.#name)
    van.publishers.remember(this.markKey, this.#publisher)
  }

  /** Holds the frame's acknowledgement back until its messages are on the disk. */
  #kept(
    vanStore: VanStore,
    frame: number,
    offered: readonly Offered[],
    writing: readonly Promise<unknown>[],
    told: readonly OutcomeEntry[] = [],
  ): Promise<void> | undefined {
    vanStore.markTaken(this.markKey, this.#publisher.mark)
    const late = new Set(told.map(({ index }) => index))
    const refuse = (error: unknown, isRefused: (offered: Offered) => boolean): void => {
      const outcome = toWireError(error)
      const entries = offered.flatMap((each, index) => {
        if (late.has(index) || !isRefused(each)) return []
        this.#refuse(each.envelope, error)
        return [{ index, envelope: each.envelope, outcome }]
      })
      if (entries.length === 0) return
      vanStore.markTaken(this.markKey, this.#publisher.mark)
      if (!this.#hasEnded) this.#report(frame, entries)
    }
    // The disk has a repetition since its first time, unless that write failed: then it is refused by now.
    const failedBefore = ({ envelope, isRepeated }: Offered): boolean => isRepeated && !this.#has(envelope)
    return vanStore.kept()?.then(
      () => refuse(new StoreError('The store could not write it when it came first.'), failedBefore),
      async (error: unknown) => {
        refuse(error, each => !each.isRepeated || failedBefore(each))
        // A follower forgets what this host holds once its frame is acknowledged: it must know of the refusals first.
        await Promise.all(writing)
        this.flush()
      },
    )
  }

  #has(envelope: Envelope): boolean {
    const isOwn = envelope.publisher === this.#name
    return (isOwn ? this.#publisher : this.#follower())?.has(envelope) === true
  }

  /** The publish was accepted, and could not be written: a repetition must count as new. */
  #refuse(envelope: Envelope, error: unknown): void {
    if (envelope.publisher === this.#name) this.#publisher.refuse(envelope.sequence, toWireError(error))
    else this.#follower()?.refuse(envelope, error)
  }

  /** The publish is stored already, and its publisher waits for room. */
  #awaitAgain(envelope: Envelope): undefined | Promise<LateOutcome> {
    const { van, maxPayload } = this.#options
    if (envelope.publisher === this.#name) {
      const outcome = this.#publisher.offer(envelope, van, maxPayload, undefined)
      return outcome instanceof Promise ? outcome : undefined
    }
    return van.awaitRoom(envelope)?.then(
      () => 'taken' as const,
      (error: unknown) => toWireError(error),
    )
  }

  #late({ frame, index, envelope: whole }: HeldEntry, outcome: Promise<LateOutcome> | WireError): LateEntry {
    if (!(outcome instanceof Promise)) return { index, envelope: whole, outcome }
    const { publisher, sequence, topic, size } = whole
    // Not the envelope itself, whose bytes may move.
    const envelope = { publisher, sequence, topic, size }
    const held = { frame, index, envelope }
    this.#held.add(held)
    void outcome.then(settled => {
      this.#held.delete(held)
      this.#settledLate(frame, { index, envelope, outcome: settled })
    })
    return { index, envelope, outcome: 'held' }
  }

  /** Reported at the end of the turn, with the others that have room now. */
  #settledLate(frame: number, entry: LateEntry): void {
    if (typeof entry.outcome !== 'string')
      this.#options.van.vanStore?.markTaken(this.markKey, this.#publisher.mark)
    if (this.#hasEnded) return
    const entries = this.#unreported.get(frame)
    if (entries === undefined) this.#unreported.set(frame, [entry])
    else entries.push(entry)
    this.#link.wake()
  }

  #report(frame: number, entries: readonly LateEntry[]): void {
    const number = this.#link.lastNumber + 1
    const sequences: number[] = []
    for (const { outcome, envelope } of entries) {
      if (typeof outcome === 'string') continue
      if (envelope.publisher === this.#name) sequences.push(envelope.sequence)
      else this.#follower()?.refusalReported(envelope, number)
    }
    if (sequences.length > 0) this.#remember({ number, sequences })
    this.#link.send(FrameKind.Outcome, encodeOutcome({ frame, entries }))
  }

  #remember(refusals: ReportedRefusals): void {
    this.#refusals.push(refusals)
    this.#budget.reserve(ENTRY_BYTES * refusals.sequences.length)
  }
}

/**
 * The key of a publisher's mark. Marks are kept by principal: another one cannot raise them.
 *
 * @param principal undefined: the publisher may do everything
 */
function markKey(client: string, principal: string | undefined): string {
  return principal === undefined ? client : `${client} ${principal}`
}

/** A follower passes on the publish of another client. @param writing gets the outcome if it fails with the write */
function passOn(
  { van, maxPayload }: Pick<PublishReceiverOptions, 'van' | 'maxPayload'>,
  envelope: Envelope,
  follower: FollowerSession,
  refusal: MsgvanError | undefined,
  writing: Promise<unknown>[] | undefined,
): undefined | Promise<LateOutcome> | WireError {
  if (envelope.size > maxPayload) return toWireError(tooLarge(envelope.size, maxPayload))
  const held = follower.accept(envelope, refusal)
  if (held === undefined) return undefined
  if (held instanceof MsgvanError) return toWireError(held)
  const kept = writing === undefined ? undefined : van.kept()
  const outcome = Promise.all([held, kept]).then(
    () => 'taken' as const,
    (error: unknown) => {
      if (mayPass(error)) follower.refuse(envelope, error)
      return toWireError(error)
    },
  )
  if (kept !== undefined) writing?.push(outcome)
  return outcome
}

function blockIn(memory: WaitingMemory, { bytes }: ByteReader, last?: Block, limited?: Principal): Block {
  return memory.blockOf(bytes, last, limited?.memory.ownerIn(memory))
}

/** By the rights and the limits of a principal. @param limited undefined: only its rights count */
function refusalOf(
  envelope: Envelope,
  principal: Principal,
  limited: Principal | undefined,
  publisher: Publisher,
): MsgvanError | undefined {
  const denied = principal.publishRefusal(envelope.topic)
  if (denied !== undefined || limited === undefined || !publisher.isNew(envelope)) return denied
  return limited.memory.refusal() ?? limited.rate?.take(envelope.size)
}
