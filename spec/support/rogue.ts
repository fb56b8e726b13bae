import { Connection } from '../../src/client/connection/connection.js'
import { dialSocket } from '../../src/client/connection/dial-socket.js'
import type { Credential } from '../../src/client/connection/credential.js'
import { Encoding } from '../../src/codec/encoding.js'
import { encodePayload } from '../../src/codec/payload.js'
import type { MsgvanError } from '../../src/errors.js'
import { Envelope, noHeaders } from '../../src/message/envelope.js'
import { encodeCall } from '../../src/wire/frames/control-frames.js'
import { FrameKind, HEADER_BYTES, readHeader, writeHeader } from '../../src/wire/frames/frames.js'
import { PublishWriter } from '../../src/wire/frames/publish-frame.js'
import { WritingTable } from '../../src/wire/frames/string-table.js'
import { newIdentity, type ClientIdentity } from '../../src/wire/client-identity.js'
import type { Welcome } from '../../src/wire/handshake.js'

export interface RogueOptions {
  readonly url: string
  readonly credential: Credential
  readonly van?: string
  readonly client?: ClientIdentity
  readonly session?: { readonly id: string; readonly received: number }
}

/** A client that proves itself, and then sends what it wants. It acknowledges a frame only when it is told to. */
export class Rogue {
  /** The frames of the host that came, without acknowledgements. */
  readonly frames: { readonly kind: FrameKind; readonly bytes: Uint8Array }[] = []
  /** Resolves with the reason when the host has closed the connection. */
  readonly lost: Promise<MsgvanError>
  /** The last frame of the host. */
  received = 0
  acked = 0
  /** Keeps the frames that come. */
  keeps = true
  readonly #table = new WritingTable()
  #last = 0

  private constructor(
    readonly welcome: Welcome,
    readonly connection: Connection,
    lost: Promise<MsgvanError>,
  ) {
    this.lost = lost
    this.#last = welcome.received
  }

  static async join({ url, credential, van = 'default', client, session }: RogueOptions): Promise<Rogue> {
    let gone: (error: MsgvanError) => void
    const lost = new Promise<MsgvanError>(resolve => (gone = resolve))
    const identity = client ?? (await newIdentity())
    return new Promise((resolve, reject) => {
      let rogue: Rogue | undefined
      const connection: Connection = new Connection(
        {
          ...{ dial: dialSocket(), url, van, client: identity, credential },
          pid: undefined,
          thread: undefined,
          session: () => session,
        },
        {
          welcome: welcome => {
            rogue = new Rogue(welcome, connection, lost)
            resolve(rogue)
          },
          frame: bytes => rogue?.take(bytes),
          silent: () => undefined,
          lost: error => {
            gone(error)
            reject(error)
          },
        },
      )
    })
  }

  take(bytes: Uint8Array): void {
    const { kind, number } = readHeader(bytes)
    if (number === 0) return
    this.received = number
    if (this.keeps) this.frames.push({ kind, bytes })
  }

  /** Sends a frame whose header is still to be written. @returns its number */
  send(kind: FrameKind, frame: Uint8Array): number {
    this.#last += 1
    writeHeader(frame, kind, this.#last, this.acked, this.acked)
    this.connection.send(frame)
    return this.#last
  }

  call(method: string, args?: unknown): number {
    return this.send(FrameKind.Call, encodeCall({ id: this.#last + 1, method, args }))
  }

  publish(topic: string, payloads: readonly unknown[]): number {
    return this.publishAll(payloads.map(payload => [topic, payload]))
  }

  /** The first has this number. */
  publishFrom(sequence: number, topic: string, payloads: readonly unknown[]): number {
    this.#published = sequence - 1
    return this.publish(topic, payloads)
  }

  /** One frame with all of them. */
  publishAll(messages: readonly (readonly [topic: string, payload: unknown])[]): number {
    const writer = new PublishWriter(this.#table, { last: this.#published })
    for (const [topic, payload] of messages) writer.add(topic, 0, {}, payload, Infinity)
    this.#published += messages.length
    return this.send(FrameKind.Publish, writer.take())
  }

  /** Joins as a host, and then passes on what it wants. */
  joinAsHost(seat: string): number {
    const host = { id: seat, pid: 1, version: '0', port: 0, address: '', leader: false }
    const introduction = { host: { ...host, capabilities: {}, uptimeMs: 0 }, seat, patterns: [] }
    return this.call('backbone.join', { subscription: 1, ...introduction })
  }

  /** Passes on a publish of another publisher, as a host. */
  passOn(publisher: string, sequence: number, topic: string, payload: unknown): number {
    const writer = new PublishWriter(this.#table)
    const bytes = encodePayload(payload)
    writer.addBytes(
      new Envelope(publisher, sequence, topic, noHeaders, 0, bytes, bytes.length, Encoding.Bytes),
    )
    return this.send(FrameKind.Publish, writer.take())
  }

  /** Acknowledges everything that came. */
  acknowledge(): void {
    this.acked = this.received
    const frame = new Uint8Array(HEADER_BYTES)
    writeHeader(frame, FrameKind.Ack, 0, this.acked, this.acked)
    this.connection.send(frame)
  }

  close(): void {
    this.connection.close()
  }

  #published = 0
}
