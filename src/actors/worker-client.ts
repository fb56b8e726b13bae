import { randomUUID } from 'node:crypto'

const PREFIX = 'worker/'
const PREFIX_OF_OTHERS = 'worker-of-others/'

/**
 * The id of the client that a worker is of its host.
 * @param isLocalUser the caller who had it started proved to be this machine's user
 */
export function newWorkerClient(isLocalUser: boolean): string {
  return (isLocalUser ? PREFIX : PREFIX_OF_OTHERS) + randomUUID()
}

/** Whether a client ends with its host. */
export function isWorkerClient(client: string): boolean {
  return client.startsWith(PREFIX) || isWorkerOfOthers(client)
}

/** It has this user's secret from its host, and no more rights than the caller who had it started. */
export function isWorkerOfOthers(client: string): boolean {
  return client.startsWith(PREFIX_OF_OTHERS)
}
