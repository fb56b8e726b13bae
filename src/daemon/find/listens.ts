import { connect } from 'node:net'
import { HostUnreachableError } from '../../errors.js'

/** Clients find hosts at this address, wherever else they listen. */
export const LOOPBACK = '127.0.0.1'

export function hostUrl(port: number): string {
  return `http://${LOOPBACK}:${port}`
}

/**
 * Whether a process listens on this port of this machine. Only the handshake shows what it is.
 *
 * @throws HostUnreachableError if it cannot find out
 */
export function somebodyListens(port: number, timeout = 5_000): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: LOOPBACK, port })
    socket.setTimeout(timeout, () => socket.destroy(new Error(`no answer within ${timeout / 1000} s`)))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve(false)
      else if (error.code === 'ECONNRESET') resolve(true)
      else
        reject(
          new HostUnreachableError(`Cannot reach ${LOOPBACK}:${port}: ${error.message}.`, { cause: error }),
        )
    })
  })
}
