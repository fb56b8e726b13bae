import { connect } from 'node:net'
import { HostUnreachableError } from '../errors.js'

/** Hosts are found by this address, whatever else they listen on. */
export const LOOPBACK = '127.0.0.1'

export function hostUrl(port: number): string {
  return `http://${LOOPBACK}:${port}`
}

/**
 * Whether anything listens on this port of this machine. Says nothing about what: that takes the handshake.
 *
 * @throws HostUnreachableError if that cannot be told
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
