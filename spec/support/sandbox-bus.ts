import type { Bus } from '../../src/index.js'
import { createBus } from '../../src/bus/create-bus.js'
import { RemoteBroker } from '../../src/client/remote-broker.js'
import { localSecret } from '../../src/state/secret.js'
import type { Sandbox } from './sandbox.js'

/** A bus in this process on the host of a sandbox, whose own settings it does not touch. */
export function busOn(sandbox: Sandbox, van: string): Bus {
  const secret = async () => ({ secret: await localSecret(sandbox.paths) })
  return createBus(
    van,
    new RemoteBroker({ url: `http://127.0.0.1:${sandbox.port}`, van, secret, readyTimeout: 30_000 }),
  )
}
