import { randomUUID } from 'node:crypto'

const PREFIX = 'worker/'

/** A new client id for a worker. */
export function newWorkerClient(): string {
  return PREFIX + randomUUID()
}

/** Whether a client ends with its host. */
export function isWorkerClient(client: string): boolean {
  return client.startsWith(PREFIX)
}
