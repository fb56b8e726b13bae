import { createHash, randomBytes } from 'node:crypto'
import { CLIENT_ID_BYTES, CLIENT_KEY_BYTES } from '../wire/client-identity.js'

const PREFIX = 'worker/'
const PREFIX_OF_OTHERS = 'worker-of-others/'

/** The client that a worker is of its host. */
export interface WorkerClient {
  readonly clientId: string
  /** The worker proves the id by it. */
  readonly clientKey: Uint8Array
}

/** @param isLocalUser the caller who had it started proved to be this machine's user */
export function newWorkerClient(isLocalUser: boolean): WorkerClient {
  const clientKey = Uint8Array.from(randomBytes(CLIENT_KEY_BYTES))
  const digest = createHash('sha256').update(clientKey).digest().subarray(0, CLIENT_ID_BYTES)
  const clientId = (isLocalUser ? PREFIX : PREFIX_OF_OTHERS) + digest.toString('base64url')
  return { clientId, clientKey }
}

/** Whether a client ends with its host. */
export function isWorkerClient(client: string): boolean {
  return client.startsWith(PREFIX) || isWorkerOfOthers(client)
}

/** It has this user's secret from its host, and no more rights than the caller who had it started. */
export function isWorkerOfOthers(client: string): boolean {
  return client.startsWith(PREFIX_OF_OTHERS)
}
