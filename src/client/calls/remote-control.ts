import type { Broker } from '../../bus/contract/broker.js'
import type { Control } from '../../bus/contract/control.js'
import type { DeadLetters } from '../../bus/contract/dead-letters.js'
import type { ModuleRef } from '../../bus/contract/module-ref.js'
import type { HostStatus, VanStatus } from '../../bus/contract/status.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { CallName } from '../../wire/calls.js'
import { encodeRequest } from '../../wire/frames/subscription-request.js'
import { remoteActors } from './remote-actors.js'
import { RemoteDeadLetters } from './remote-dead-letters.js'

type Call = (method: CallName, args?: unknown) => Promise<unknown>

/** The Control of a broker in a host: each method is one call. */
export class RemoteControl implements Control {
  readonly actors
  readonly #broker: Broker
  readonly #call: Call

  constructor(broker: Broker, call: Call) {
    this.#broker = broker
    this.#call = call
    this.actors = remoteActors(call)
  }

  async status(): Promise<VanStatus> {
    return (await this.#call('status')) as VanStatus
  }

  async hosts(): Promise<HostStatus[]> {
    return (await this.#call('hosts')) as HostStatus[]
  }

  deadLetters(): DeadLetters {
    return new RemoteDeadLetters(this.#broker, this.#call)
  }

  async unsubscribe(name: string): Promise<boolean> {
    return (await this.#call('unsubscribe', { name })) === true
  }

  async subscribeHandler(name: string, handler: ModuleRef, request: SubscriptionRequest): Promise<void> {
    const { module, export: exported = 'default' } = handler
    await this.#call('handlers.register', {
      name,
      module: String(module),
      export: exported,
      request: encodeRequest(request),
    })
  }
}
