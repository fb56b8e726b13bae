import { dialSocket, type Dial } from '../../src/client/connection/dial-socket.js'
import type { Prove, Welcome } from '../../src/wire/handshake.js'

/** Claims that session at first, as far as a client may have come in it that `received` so much; tells which ones it is given. */
export function claiming(
  session: string | undefined,
  given: (session: string) => void,
  { received = 0 } = {},
): Dial {
  let claimed = session
  return (url, listener, timeoutMs) => {
    const heard = (name: string, value: unknown): void => {
      if (name === 'welcome') given((value as Welcome).session)
      listener.event(name, value)
    }
    const channel = dialSocket()(url, { ...listener, event: heard }, timeoutMs)
    return {
      get isOpen() {
        return channel.isOpen
      },
      send: (name, value) => {
        const isClaim = name === 'prove' && claimed !== undefined
        const claim = { ...(value as Prove), session: { id: claimed, received } }
        if (isClaim) claimed = undefined
        channel.send(name, isClaim ? claim : value)
      },
      close: () => channel.close(),
    }
  }
}
