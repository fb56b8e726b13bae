import { createBus } from '../../src/bus/create-bus.js'
import { RemoteBroker, type RemoteBrokerOptions } from '../../src/client/remote-broker.js'
import { HostServer, type HostServerOptions } from '../../src/host/listen/server.js'
import { version, type Bus } from '../../src/index.js'
import { freePort } from './ports.js'
import { isProxy, throughProxies } from './proxy.js'

export const secret = new Uint8Array(32).fill(7)

/** A host's server in this process, on a port of its own. */
export async function startServer(options: Partial<HostServerOptions> = {}): Promise<HostServer> {
  // Another server may start in place of this one, and finds its port free.
  const port = options.port === undefined || options.port === 0 ? await freePort() : options.port
  const server = new HostServer({
    secret,
    hostStatus: () => ({
      id: 'spec',
      pid: process.pid,
      version,
      port,
      address: '',
      leader: false,
      capabilities: {},
      uptimeMs: 0,
    }),
    ...options,
    port,
  })
  await server.listen()
  return server
}

export interface Client {
  readonly broker: RemoteBroker
  readonly bus: Bus
}

export function clientOf(port: number, options: Partial<RemoteBrokerOptions> = {}): Client {
  const broker = new RemoteBroker({
    url: `http://127.0.0.1:${port}`,
    van: 'default',
    secret: () => Promise.resolve({ secret }),
    backoff: { initial: 10, max: 50 },
    ...(isProxy(port) ? { dial: throughProxies() } : {}),
    ...options,
  })
  const limits = options.maxPayload === undefined ? {} : { maxPayload: options.maxPayload }
  return { broker, bus: createBus(options.van ?? 'default', broker, limits) }
}
