/** How both sides name the local socket in the text that they sign. */
export const LOCAL_SOCKET = 'local socket'

/** One end of a TCP connection, as Node's sockets name it. */
export interface End {
  readonly address: string | undefined
  readonly port: number | undefined
}

/** That connection is lost: the system no longer knows its ends, although this process may have bytes of it to read. */
export function isLost(...ends: readonly End[]): boolean {
  return ends.some(({ address }) => address === undefined)
}

/**
 * How both sides name a TCP connection in the text that they sign; undefined when it leaves this machine. The system has
 * no second connection with the same four parts, so a program between the two sides cannot be at either end.
 */
export function tcpEnds(client: End, host: End): string | undefined {
  const ends = [client, host].map(({ address = '', port = 0 }) => ({
    address: address.replace(/^::ffff:/, ''),
    port,
  }))
  if (!ends.every(({ address, port }) => isLoopbackAddress(address) && port > 0)) return undefined
  return ends.map(({ address, port }) => `${address} ${port}`).join(' ')
}

/** No other machine has it. */
export function isLoopbackAddress(address: string): boolean {
  return /^(::ffff:)?127\.|^::1$/.test(address)
}
