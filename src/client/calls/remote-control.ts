import type { Isolation } from '../../bus/contract/actors.js'
import type { Broker } from '../../bus/contract/broker.js'
import type { Control } from '../../bus/contract/control.js'
import type { DeadLetters } from '../../bus/contract/dead-letters.js'
import type { ModuleRef } from '../../bus/contract/module-ref.js'
import type { StateBroker } from '../../bus/contract/control.js'
import type { HostStatus, VanStatus } from '../../bus/contract/status.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Call } from '../../wire/calls/calls.js'
import { remoteActors } from './remote-actors.js'
import { RemoteDeadLetters } from './remote-dead-letters.js'

/** The Control of a broker in a host: each method is one call. */
export class RemoteControl implements Control {
  readonly actors
  readonly states: StateBroker
  readonly #broker: Broker
  readonly #call: Call

  constructor(broker: Broker, call: Call) {
    this.#broker = broker
    this.#call = call
    this.actors = remoteActors(call)
    this.states = {
      get: topic => call('states.get', { topic }),
      change: change => call('states.change', change),
      keys: pattern => call('states.keys', { pattern }),
    }
  }

  status(): Promise<VanStatus> {
    return this.#call('status')
  }

  hosts(): Promise<HostStatus[]> {
    return this.#call('hosts')
  }

  deadLetters(): DeadLetters {
    return new RemoteDeadLetters(this.#broker, this.#call)
  }

  unsubscribe(name: string): Promise<boolean> {
    return this.#call('unsubscribe', { name })
  }

  pause(name: string, isPaused: boolean): Promise<boolean> {
    return this.#call('pause', { name, isPaused })
  }

  cancel(id: string): Promise<boolean> {
    return this.#call('cancel', { id })
  }

  async subscribeHandler(
    name: string,
    handler: ModuleRef,
    request: SubscriptionRequest,
    isolation: Isolation,
  ): Promise<void> {
    const { module, export: exported = 'default' } = handler
    await this.#call('handlers.register', {
      name,
      module: String(module),
      export: exported,
      isolation,
      request,
    })
  }
}
