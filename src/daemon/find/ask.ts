import { RemoteBroker } from '../../client/remote-broker.js'
import type { HostStatus } from '../../bus/contract/status.js'
import { HostUnreachableError } from '../../errors.js'
import { tokenCredential } from '../../client/connection/credential.js'
import { identify, portTaken } from './identify.js'
import { hostUrl } from './listens.js'
import { localPlace } from './local-place.js'
import type { ClientIdentity } from '../../wire/client-identity.js'
import type { StatePaths } from '../../state/paths.js'
import { ownCredential } from '../../state/secret.js'

/** A host on this machine, and the credential for it. */
export interface HostAddress {
  readonly port: number
  readonly paths: StatePaths
  readonly token?: string | undefined
  /** The caller. Default: a random client. */
  readonly client?: ClientIdentity | undefined
}

/**
 * Calls a host, with mutual proof. It does not start one.
 *
 * @throws PortTakenError, AuthError, VersionMismatchError, HostUnreachableError if it does not answer in time
 */
export async function askHost<T>(
  { port, paths, token, client }: HostAddress,
  ask: (broker: RemoteBroker) => Promise<T>,
  timeout = 5_000,
): Promise<T> {
  if ((await identify(port)) === 'a stranger') throw portTaken(port)
  const broker = new RemoteBroker({
    van: 'default',
    locate: () => (token === undefined ? localPlace(paths, port) : Promise.resolve(hostUrl(port))),
    secret: () => (token === undefined ? ownCredential(paths) : tokenCredential(token)),
    pid: process.pid,
    ...(client === undefined ? {} : { client }),
    readyTimeout: timeout,
  })
  let timer: NodeJS.Timeout | undefined
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new HostUnreachableError(`The host on port ${port} does not answer within ${timeout / 1000} s.`))
    }, timeout)
  })
  try {
    return await Promise.race([broker.ready().then(() => ask(broker)), silence])
  } finally {
    clearTimeout(timer)
    await broker.close({ drain: false })
  }
}

/** The status of the host on this port. */
export function hostStatus(address: HostAddress, timeout?: number): Promise<HostStatus> {
  return askHost(address, async broker => (await broker.control.status()).host, timeout)
}
