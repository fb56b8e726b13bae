import { InvalidOptionError } from './errors.js'
import { createBus } from './bus/create-bus.js'
import type { AnyTopics, Bus, Topics } from './bus/bus.js'
import { embeddedBroker } from './embedded.js'

export interface VanOptions {
  /** The van's name. Vans never mix. Default `'default'`. */
  name?: string
  /** In-process only: no host, no network. Each embedded bus is a van of its own. Default false. */
  embedded?: boolean
}

export function van<T extends Topics = AnyTopics>(options: VanOptions = {}): Bus<T> {
  const { name = 'default', embedded = false } = options
  if (!embedded) throw new InvalidOptionError('host: being wired up')
  return createBus<T>(name, embeddedBroker(name))
}
