import { randomUUID } from 'node:crypto'

const PREFIX = 'worker/'

/** The id of the client that a worker is of its host. */
export function newWorkerClient(): string {
  return PREFIX + randomUUID()
}

/** Whether a client ends with its host. */
export function isWorkerClient(client: string): boolean {
  return client.startsWith(PREFIX)
}
