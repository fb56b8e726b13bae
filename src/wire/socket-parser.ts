import { Decoder, Encoder, PacketType, type Packet } from 'socket.io-parser'
import { broken } from './protocol.js'

const FRAME = 'frame'
/** A client's texts are its first messages, which are short. */
const MAX_CLIENT_TEXT = 4 * 1024

/**
 * socket.io's own encoding, except for `frame`: one WebSocket message with the frame itself, where socket.io would send
 * a text with a placeholder and then the bytes. Every version can read the handshake.
 */
class FrameEncoder extends Encoder {
  override encode(packet: Packet): unknown[] {
    const data: unknown = packet.data
    if (packet.type === PacketType.EVENT && Array.isArray(data) && data[0] === FRAME && data.length === 2) {
      const frame: unknown = data[1]
      if (frame instanceof Uint8Array) return [frame]
    }
    return super.encode(packet)
  }
}

class FrameDecoder extends Decoder {
  override add(message: unknown): void {
    if (typeof message !== 'string') {
      this.emitReserved('decoded', { type: PacketType.EVENT, nsp: '/', data: [FRAME, message] })
      return
    }
    if (/^[56]/.test(message)) throw broken('has attachments')
    super.add(message)
  }
}

/** A host reads no long text of a client: JSON that nests deep takes seconds. */
class HostFrameDecoder extends FrameDecoder {
  override add(message: unknown): void {
    if (typeof message === 'string' && message.length > MAX_CLIENT_TEXT) throw broken('is a text over 4 KiB')
    super.add(message)
  }
}

/** For the option `parser` of socket.io's client. */
export const socketParser = { Encoder: FrameEncoder, Decoder: FrameDecoder }

/** For the option `parser` of socket.io's server. */
export const hostSocketParser = { Encoder: FrameEncoder, Decoder: HostFrameDecoder }
