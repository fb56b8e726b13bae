import { createBus } from '../../src/bus/create-bus.js'
import { RemoteBroker } from '../../src/client/remote-broker.js'
import { statePaths } from '../../src/state/paths.js'
import { localSecret } from '../../src/state/secret.js'
import type { Bus } from '../../src/index.js'
import { identityOf } from '../../spec/support/identity.js'
import { claiming } from '../../spec/support/claiming.js'
import type { Twin } from './job.js'

/** A bus that says it is the client which another process is, too, and claims that one's session at first. Prints the session that it has. */
export function twinBus(port: number, { client, session }: Twin): Bus {
  const secret = async () => ({ secret: await localSecret(statePaths(process.env)) })
  const broker = new RemoteBroker({
    url: `http://127.0.0.1:${port}`,
    van: 'default',
    client: identityOf(client),
    secret,
    dial: claiming(session, given => console.log(`session ${given}.`)),
  })
  return createBus('default', broker)
}
