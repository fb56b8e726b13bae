import { UnsupportedError } from '../../errors.js'
import type { ActorBroker } from '../contract/actors.js'

const refuse = (): Promise<never> =>
  Promise.reject(
    new UnsupportedError('An embedded bus has no host to run actors in. Use van() without `embedded`.'),
  )

/** For a broker without a host. */
export const noActors: ActorBroker = { create: refuse, find: refuse, stop: refuse, subscribe: refuse }
