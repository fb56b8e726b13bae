import { chmod, lstat, unlink } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { codeOf, describe } from '../../errors.js'

/** As many clients as there may be come back at once; the system has its own limit. */
const BACKLOG = 4_096

/**
 * Listens on the local socket of this user. The caller has the host's port, so a socket that is there belongs to a host
 * that is gone.
 *
 * @returns undefined if it cannot listen there: this user's processes come by TCP then
 */
export async function listenLocally(
  path: string,
  accept: (socket: Socket) => void,
  warn: (text: string) => void,
): Promise<Server | undefined> {
  try {
    await removeStale(path)
    return await listening(path, accept)
  } catch (error) {
    warn(`there is no local socket at ${path}, so this user's processes come by TCP: ${describe(error)}`)
    return undefined
  }
}

/** Anything but a socket stays. */
async function removeStale(path: string): Promise<void> {
  const there = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (there?.isSocket() === true) await unlink(path)
}

async function listening(path: string, accept: (socket: Socket) => void): Promise<Server> {
  const server = createServer(accept)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path, backlog: BACKLOG }, () => {
      server.off('error', reject)
      server.on('error', () => undefined)
      resolve()
    })
  })
  await chmod(path, 0o600)
  return server
}
