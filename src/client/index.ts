/** Connects to a running host, in Node and in browsers. `van()` finds or starts this machine's host. */
import type { AnyTopics, Bus, Topics } from '../bus/contract/bus.js'
import type { AnyServices, Services } from '../bus/contract/services.js'
import { checkBusOptions } from '../bus/check-bus-options.js'
import { checkUse } from '../bus/middleware/check-use.js'
import type { Middleware } from '../bus/middleware/middleware.js'
import { createBus } from '../bus/create-bus.js'
import { knownOptions, shownAddress } from '../message/check-option.js'
import { InvalidOptionError } from '../errors.js'
import { checkToken, credentialOf } from './connection/credential.js'
import { RemoteBroker } from './remote-broker.js'

export interface ConnectOptions {
  /** The van's name. Default `'default'`. */
  name?: string
  /**
   * The host's token, that of a principal (`name.<secret>`), or a JWT. A function returns the present one, before each
   * attempt to connect.
   */
  token?: string | (() => string | Promise<string>)
  /** The largest payload, in bytes. Default 8 MiB. */
  maxPayload?: number
  /** For https: the certificate to trust, PEM. Default: those that this machine trusts. Not in a browser. */
  ca?: string
  /** For https, without a token: the certificate of a principal, PEM. Not in a browser. */
  cert?: string
  /** The key of `cert`, PEM. */
  key?: string
  /** Code around everything that this bus publishes and gets; see Middleware. Default none. */
  use?: readonly Middleware[]
}

/**
 * Makes a bus in a running host. Returns at once and connects in the background; it stays connected, and the process
 * alive, until `close()`.
 *
 * It runs in browsers too, so it has no `logger` and no `verbose`, and leaves signals alone: subscribe to `errors$` and
 * `state$`, and call `close()` yourself. In Node `van()` has these options.
 *
 * @param url such as `http://10.0.0.5:1900`, or `https://…` where the host has a certificate
 * @throws InvalidOptionError
 * @example
 * const bus = connect('http://10.0.0.5:1900', { token })
 * bus.topic(/^orders\./).subscribe(message => show(message.payload))
 */
export function connect<T extends Topics = AnyTopics, S extends Services = AnyServices>(
  url: string | URL,
  options: ConnectOptions = {},
): Bus<T, S> {
  knownOptions('connect()', options, ['name', 'token', 'maxPayload', 'ca', 'cert', 'key', 'use'])
  checkBusOptions(options)
  for (const option of ['ca', 'cert', 'key'] as const)
    if (typeof (options[option] ?? '') !== 'string')
      throw new InvalidOptionError(`${option} must be a string.`)
  const { name = 'default', token, maxPayload, ca, cert, key } = options
  checkToken(token)
  if ((cert === undefined) !== (key === undefined))
    throw new InvalidOptionError('cert and key belong together: give both.')
  const own = cert === undefined || key === undefined ? {} : { cert, key }
  const byDefault = cert === undefined ? undefined : ({ kind: 'certificate' } as const)
  const limits = maxPayload === undefined ? {} : { maxPayload }
  const broker = new RemoteBroker({
    url: originOf(url),
    van: name,
    secret: () => (token === undefined ? Promise.resolve(byDefault) : credentialOf(token)),
    ...limits,
    tls: { ...own, ...(ca === undefined ? {} : { ca }) },
  })
  return createBus<T, S>(name, broker, { ...limits, use: checkUse(options.use) })
}

/** Refuses a URL with a path or more: a wrong URL would otherwise only show as silence. */
function originOf(given: unknown): string {
  // Of whichever realm.
  const isObject = Object.prototype.toString.call(given) === '[object URL]'
  const url = isObject ? String(given) : given
  const parsed = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined
  const { protocol = '', pathname, search, hash, username, password, port, origin = '' } = parsed ?? {}
  if (protocol !== 'http:' && protocol !== 'https:')
    throw new InvalidOptionError(
      `The URL of a host looks like http://10.0.0.5:1900. This is ${shownAddress(url)}.`,
    )
  if (pathname !== '/' || search !== '' || hash !== '' || username !== '' || password !== '' || port === '0')
    throw new InvalidOptionError(
      `The URL of a host is only its address, such as ${origin}. This is ${shownAddress(url)}. Give a token as the option \`token\`.`,
    )
  return origin
}

export type { AnyTopics, Bus, ObserveOptions, ReadyOptions, Topics } from '../bus/contract/bus.js'
export type {
  DeliverNext,
  Middleware,
  MiddlewareChanges,
  MiddlewareKind,
  OutgoingMessage,
  PublishNext,
} from '../bus/middleware/middleware.js'
export type { AnyServices, Reply, ReplyOptions, RequestOptions, Services } from '../bus/contract/services.js'
export type { SharedState } from '../bus/contract/control.js'
export * from '../public-errors.js'
export { Message, type MessageFields } from '../message/message.js'
export { mqtt } from '../message/wildcards/mqtt.js'
export { wildcard } from '../message/wildcards/wildcard.js'
export { fromReadable } from '../bus/loop/from-readable.js'
