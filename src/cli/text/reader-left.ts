import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { Socket } from 'node:net'

/** The used part of Node's handle of a stream. */
interface StreamHandle {
  open(fd: number): number
}

interface TcpBinding {
  readonly TCP: new (type: number) => StreamHandle
  readonly constants: { readonly SOCKET: number }
}

/**
 * Calls `left` once when the reader of the pipe at `fd` closes it, without a write. Does nothing for a file, a terminal
 * or a socket, nor where Node or the system does not allow it: then the next write notices. It does not keep the
 * process alive.
 *
 * Linux reports a pipe without a reader to a process that polls its writing end. Node's handle of a pipe polls a
 * writing end only while a write waits; its handle of a TCP socket does not look at the direction, and polls. It gets a
 * descriptor of its own, as two handles cannot poll the same one. No public part of Node polls a writing end, hence
 * `process.binding`, which Node's documentation deprecates (DEP0111): where it is gone, the next write notices.
 */
export function whenReaderLeaves(fd: number, left: () => void): void {
  const socket = polling(fd)
  if (socket === undefined) return
  // The poll ends in a read, which a writing end refuses: that is the sign.
  socket.on('error', () => undefined)
  socket.once('close', left)
  socket.unref()
  socket.resume()
}

function polling(fd: number): Socket | undefined {
  if (process.platform !== 'linux') return undefined
  let own: number | undefined
  try {
    if (!fstatSync(fd).isFIFO()) return undefined
    own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
    const { TCP, constants: types } = tcpBinding()
    const handle = new TCP(types.SOCKET)
    if (handle.open(own) !== 0) throw new Error('not allowed')
    return new Socket({ handle, readable: true, writable: false } as object)
  } catch {
    if (own !== undefined) closeSync(own)
    return undefined
  }
}

function tcpBinding(): TcpBinding {
  return (process as unknown as { binding(name: 'tcp_wrap'): TcpBinding }).binding('tcp_wrap')
}
