import type { Located } from '../../client/connection/dial-socket.js'
import { dialLocalSocket, isLocalSocket, localSocketOf } from '../../state/local-socket.js'
import type { StatePaths } from '../../state/paths.js'
import { hostUrl } from './listens.js'

/**
 * The way of this user's processes, which prove themselves by the secret, to the host on this port: its local socket,
 * or TCP where it has none.
 */
export async function localPlace(paths: StatePaths, port: number): Promise<Located> {
  const url = hostUrl(port)
  const path = localSocketOf(paths, port)
  if (path === undefined || !(await isLocalSocket(paths, path))) return { url }
  return { url, open: () => dialLocalSocket(path) }
}
