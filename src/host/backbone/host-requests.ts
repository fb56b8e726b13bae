import type { HostStatus } from '../../bus/contract/status.js'
import { RemoteError, TimeoutError, UnsupportedError } from '../../errors.js'
import {
  decodeHostRequest,
  encodeHostRequest,
  readAnswer,
  type AnswerTo,
  type RequestName,
  type SentRequest,
} from '../../wire/calls/host-requests.js'
import type { HostHandler } from './contract/host-handler.js'

/**
 * Makes a request of the table.
 *
 * @param send brings it to the other host, and its answer back
 */
export async function hostRequest<N extends RequestName>(
  name: N,
  args: SentRequest<N>,
  send: (body: unknown) => Promise<unknown>,
): Promise<AnswerTo<N>> {
  return readAnswer(name, await send(encodeHostRequest(name, args)))
}

/** The longest wait for another host's answer, in milliseconds. */
export const REQUEST_MS = 30_000

/**
 * The requests that this host serves, by name. Every one comes through here, so that an unknown name or a wrong argument
 * is one error.
 */
export class HostRequests {
  readonly #handlers = new Map<string, (body: unknown, from: string) => Promise<unknown>>()

  serve<N extends RequestName>(name: N, handler: HostHandler<N>): void {
    this.#handlers.set(name, async (body, from) => handler(decodeHostRequest(name, body), from))
  }

  /**
   * @param name as it came from the other host
   * @throws UnsupportedError, InvalidOptionError, InvalidPatternError, and the errors of the handler
   */
  async handle(name: string, body: unknown, from: string): Promise<unknown> {
    const handler = this.#handlers.get(name)
    if (handler === undefined) {
      throw new UnsupportedError(
        `This host does not know the request ${JSON.stringify(name.slice(0, 100))}. It may be older than the others: run \`msgvan restart\` there.`,
      )
    }
    return handler(body, from)
  }
}

/** Stands for the leader, in place of a host's id. */
export const LEADER = ''

/** A host in the text of an error. Several hosts may have one address. */
export function describeHost({ address, port }: Pick<HostStatus, 'address' | 'port'>): string {
  return `The host at ${address.includes(':') ? `[${address}]` : address}:${port}`
}

export function noSuchHost(host: string): RemoteError {
  if (host === LEADER)
    return new RemoteError(
      'The leader cannot be reached. See `msgvan status`, and try again when it is back.',
    )
  return new RemoteError(
    `There is no host ${host.slice(0, 100)}, or it cannot be reached. See \`msgvan status\`.`,
  )
}

/** Rejects with TimeoutError after `ms`. */
export async function inTime<T>(answer: Promise<T>, ms: number, who: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError(`${who} did not answer in ${ms} ms.`)), ms).unref()
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
