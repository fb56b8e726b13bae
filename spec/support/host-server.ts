import { randomUUID } from 'node:crypto'
import { createBus } from '../../src/bus/create-bus.js'
import { RemoteBroker, type RemoteBrokerOptions } from '../../src/client/remote-broker.js'
import { HostServer, type HostServerOptions } from '../../src/host/server.js'
import { version, type Bus } from '../../src/index.js'
import type { ConnectionKind } from './connections.js'

export const secret = new Uint8Array(32).fill(7)

/** A host's server in this process, on a port of its own. */
export async function startServer(options: Partial<HostServerOptions> = {}): Promise<HostServer> {
  const server: HostServer = new HostServer({
    port: 0,
    secret,
    hostStatus: () => ({
      id: 'spec',
      pid: process.pid,
      version,
      port: server.port,
      leader: false,
      capabilities: {},
      uptimeMs: 0,
    }),
    ...options,
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
    ...options,
  })
  const limits = options.maxPayload === undefined ? {} : { maxPayload: options.maxPayload }
  return { broker, bus: createBus(options.van ?? 'default', broker, limits) }
}

/** Buses of this process over a server of this process: real sockets, one event loop. */
export function throughServer(): ConnectionKind {
  let server: HostServer | undefined
  return {
    name: 'through a host',
    features: {
      copies: true,
      shares: 'payloads cross as bytes',
      anyPattern: 'a host matches in linear time',
      linearPatterns: true,
      severalBuses: true,
    },
    start: async () => {
      server = await startServer()
    },
    stop: async () => {
      await server?.close()
    },
    open: () => {
      const van = randomUUID()
      const port = server?.port ?? 0
      const { bus } = clientOf(port, { van })
      const { bus: another } = clientOf(port, { van })
      return Promise.resolve({
        bus: () => bus,
        another: () => another,
        close: async () => {
          await Promise.all([bus.close({ drain: false }), another.close({ drain: false })])
        },
      })
    },
  }
}
