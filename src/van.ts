import { createBus } from './bus/create-bus.js'
import type { AnyTopics, Bus, Topics } from './bus/contract/bus.js'
import type { AnyServices, Services } from './bus/contract/services.js'
import type { Broker } from './bus/contract/broker.js'
import { checkUse } from './bus/middleware/check-use.js'
import { connectLocal } from './daemon/connect.js'
import type { LocalOptions } from './daemon/local-options.js'
import { logAtEnd, logTrouble } from './daemon/log-trouble.js'
import { drainOnSigterm, endingBySignal } from './drain-on-sigterm.js'
import { embeddedBroker } from './embedded.js'
import { InvalidOptionError } from './errors.js'
import { shownAddress } from './message/check-option.js'
import { checkOptions, type VanOptions } from './van-options.js'
import { leaderUrl, listenAt } from './host/process/settings.js'

/**
 * An app's handle on one van. Returns at once and connects in the background: to this machine's host, which it starts
 * if need be and which outlives this process, or (`embedded`) to nothing outside this process. The process stays alive
 * until `close()`.
 *
 * A process that SIGTERM ends closes its buses first, which drains them, unless the app listens to that signal itself,
 * or sets `handleSignals: false`.
 *
 * `state$`, `errors$` and the log report background errors.
 *
 * @throws InvalidOptionError
 * @example
 * const bus = van({ embedded: true })
 * bus.topic(/^greeting/).subscribe(message => console.log(message.payload))
 * await bus.publish('greeting', 'hello')
 * await bus.close()
 */
export function van<T extends Topics = AnyTopics, S extends Services = AnyServices>(
  options: VanOptions = {},
): Bus<T, S> {
  checkOptions(options)
  const { name = 'default', maxPayload } = options
  const limits = maxPayload === undefined ? {} : { maxPayload }
  const broker = options.embedded === true ? embeddedBroker(name) : hostBroker(name, options)
  const { verbose = false, logger } = options
  logTrouble(broker, { van: name, verbose, logger })
  const handlesSignals = options.handleSignals ?? true
  const bus = createBus<T, S>(name, broker, {
    ...limits,
    use: checkUse(options.use),
    ...(handlesSignals ? { refusalsWaitFor: endingBySignal } : {}),
  })
  if (handlesSignals) drainOnSigterm(bus, logAtEnd)
  return bus
}

function hostBroker(name: string, options: VanOptions): Broker {
  const { port, autoStart, token, capabilities, verbose, maxPayload, addr, leader } = options
  const local: LocalOptions = {
    ...{ van: name, autoStart, token, capabilities, verbose, maxPayload },
    ...(leader === true ? { leader, ...ownAddress(addr, port) } : { port, join: checkLeader(addr) }),
  }
  return connectLocal(local)
}

/** The address of this machine's host when it leads. */
function ownAddress(
  addr: string | undefined,
  port: number | undefined,
): Pick<LocalOptions, 'listen' | 'port'> {
  if (addr === undefined) return { port }
  const { listen, port: own } = named(addr, listenAt)
  if (port !== undefined && own !== undefined && own !== port)
    throw new InvalidOptionError(`\`addr\` says port ${own}, and \`port\` says ${port}: give one of them.`)
  return { listen, port: port ?? own }
}

function checkLeader(addr: string | undefined): string | undefined {
  if (addr !== undefined) named(addr, leaderUrl)
  return addr
}

/** Reads `addr`. Its error names the option and the value. @throws InvalidOptionError */
function named<R>(addr: string, read: (addr: string) => R): R {
  try {
    return read(addr)
  } catch (error) {
    const wanted = error instanceof Error ? error.message : ''
    throw new InvalidOptionError(`addr: ${wanted}; this is ${shownAddress(addr)}.`, { cause: error })
  }
}
