import { lstat } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { checkHome, type StatePaths } from './paths.js'
import { codeOf } from '../errors.js'

/** The system's own limit is 104 or 108, by its kind. */
const LONGEST_PATH = 100
const PATIENCE_MS = 1_000

/** The path of a host's local socket; undefined where there can be none: on Windows, or when the path is too long. */
export function localSocketOf(paths: StatePaths, port: number): string | undefined {
  if (process.platform === 'win32') return undefined
  const path = paths.socket(port)
  return Buffer.byteLength(path) > LONGEST_PATH ? undefined : path
}

/**
 * Whether a host listens there, and no other user could have made it: it is a socket of this user, in a folder that
 * others cannot write to.
 */
export async function isLocalSocket({ home }: StatePaths, path: string): Promise<boolean> {
  try {
    const there = await lstat(path)
    if (!there.isSocket() || there.uid !== process.getuid?.()) return false
    return (await checkHome(home)) && (await accepts(path))
  } catch {
    return false
  }
}

export function dialLocalSocket(path: string): Socket {
  return connect({ path })
}

function accepts(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = dialLocalSocket(path)
    const answer = (isThere: boolean): void => {
      socket.destroy()
      resolve(isThere)
    }
    socket.setTimeout(PATIENCE_MS, () => answer(true))
    socket.on('connect', () => answer(true))
    // Too many connections wait there already.
    socket.on('error', error => answer(codeOf(error) === 'EAGAIN'))
  })
}
