import { Decoder, Encoder, PacketType, type Packet } from 'socket.io-parser'
import { broken } from './protocol.js'

const FRAME = 'frame'

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

/** For the option `parser` of socket.io's server and client. */
export const socketParser = { Encoder: FrameEncoder, Decoder: FrameDecoder }
