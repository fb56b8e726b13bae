import winston from 'winston'
import { van, type Bus, type Middleware } from '../../src/index.js'

/** What not every way of being connected has. A text is the reason why it has not, shown where a test is skipped. */
export interface Features {
  /** Each delivery decodes a payload of its own. */
  readonly copies: true | string
  /** The payload is the very object that was published. */
  readonly shares: true | string
  /** Patterns that cannot be matched in linear time. */
  readonly anyPattern: true | string
  /** Such patterns are refused. */
  readonly linearPatterns: true | string
  /** `another()` is a bus of its own, on the same van. */
  readonly severalBuses: true | string
  /** What was published is kept, and replayed. */
  readonly replays: true | string
  /** It is not, and asking for it is told so. */
  readonly keepsNothing: true | string
}

export interface Connection {
  bus(): Bus
  /** Another bus on the same van, if this kind has such; else the same. */
  another(): Bus
  /** A bus with middleware on the same van; embedded: on a van of its own. */
  using(...use: Middleware[]): Bus
  close(): Promise<void>
}

/** One way of being connected, for the one suite that all of them pass. */
export interface ConnectionKind {
  readonly name: string
  /** How many hosts are together. Default 1. */
  readonly hosts?: number
  readonly features: Features
  /** Once per suite: what all tests share (a host). */
  start?(): Promise<void>
  stop?(): Promise<void>
  /** Once per test: a van of its own. */
  open(): Promise<Connection>
}

/** Much fails in these specs on purpose. */
const quiet = winston.createLogger({ silent: true })

export const embedded: ConnectionKind = {
  name: 'embedded',
  features: {
    copies: 'inside one process the payload is shared',
    shares: true,
    anyPattern: true,
    linearPatterns: "inside one process the app's own RegExp is used",
    severalBuses: 'an embedded bus is a van of its own',
    replays: 'nothing is kept',
    keepsNothing: true,
  },
  open: async () => {
    const all: Bus[] = []
    const open = (use: readonly Middleware[]): Bus => {
      const bus = van({ embedded: true, logger: quiet, use })
      all.push(bus)
      return bus
    }
    const bus = open([])
    return {
      bus: () => bus,
      another: () => bus,
      using: (...use) => open(use),
      close: async () => {
        await Promise.all(all.map(each => each.close({ drain: false })))
      },
    }
  },
}
