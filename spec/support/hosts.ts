import { randomUUID } from 'node:crypto'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import type { ActorHost } from '../../src/host/actors/actor-host.js'
import { Actors } from '../../src/host/actors/actors.js'
import { Follower } from '../../src/host/backbone/follower/follower.js'
import { Leader } from '../../src/host/backbone/leader/leader.js'
import { Handlers } from '../../src/host/handlers/handlers.js'
import { ModuleRoots } from '../../src/host/handlers/module-roots.js'
import {
  openSubscriptions,
  registrationsOf,
  startRegistered,
  type Registrations,
} from '../../src/host/handlers/registrations.js'
import type { Principals } from '../../src/host/rights/principals.js'
import type { HostServer } from '../../src/host/listen/server.js'
import { HostStore } from '../../src/host/store/host-store.js'
import { keeping, keptRegistrations, openKept } from '../../src/host/store/kept-registrations.js'
import { hostUrl } from '../../src/daemon/find/listens.js'
import type { Bus } from '../../src/index.js'
import { tokenSecret } from '../../src/wire/proof.js'
import type { Disk } from './disk.js'
import { eventually } from './eventually.js'
import { clientOf, secret, startServer } from './host-server.js'

const token = 'the token of some hosts, long enough'

/** A module of actors for specs, in the folder that hosts load from. */
export const actorsModule = fileURLToPath(new URL('../../../spec/fixtures/actors.js', import.meta.url))

export interface HostOptions {
  readonly capabilities?: Record<string, unknown>
  readonly roots?: string[]
  /** Default: it keeps everything in memory. */
  readonly disk?: Disk
  readonly heartbeat?: number
  /** Default: everybody may do everything. */
  readonly principals?: Principals
}

/** What another host leaves to the one in its place. */
interface Before {
  readonly port: number
  readonly seat: string
  readonly left: Registrations
}

/** One host of several, its server and its actors in this process. */
export class HostInProcess {
  readonly lines: string[] = []
  readonly #buses: Bus[] = []
  readonly port: number

  private constructor(
    readonly id: string,
    readonly server: HostServer,
    readonly capabilities: Record<string, unknown>,
    readonly actors: Actors,
    readonly handlers: Handlers,
    /** Ends it in order, and starts another host in its place. @param between called when it has ended */
    readonly again: (between?: () => void | Promise<void>) => Promise<HostInProcess>,
  ) {
    this.port = server.port
  }

  static async start(
    leader: HostInProcess | undefined,
    options: HostOptions = {},
    before?: Before,
  ): Promise<HostInProcess> {
    const {
      capabilities = {},
      roots = [dirname(actorsModule)],
      disk,
      heartbeat = 5_000,
      principals,
    } = options
    const id = randomUUID()
    const seat = before?.seat ?? id
    const nothing = (): void => undefined
    const store = disk && new HostStore({ store: disk.mortal().store, warn: nothing })
    const actorHost: ActorHost = {
      broker: van => server.broker(van),
      replace: (van, request) => server.replace(van, request),
      get connection() {
        return { url: hostUrl(server.port), secret }
      },
      endSession: client => server.endSession(client),
      line: (name, _, text) => void host.lines.push(`${name} ${text}`),
      warn: nothing,
      log: { error: nothing, warning: nothing, info: nothing, debug: nothing },
      capabilities: () => capabilities,
      restartDelay: () => 1,
      ...(store === undefined ? {} : keeping(() => store)),
    }
    const actors = new Actors(actorHost, new ModuleRoots(roots))
    const handlers = new Handlers(actorHost, new ModuleRoots(roots))
    const server: HostServer = await startServer({
      ...(before === undefined ? {} : { port: before.port }),
      awaitsStore: store !== undefined,
      actors,
      handlers,
      ...(principals === undefined ? { token } : { principals }),
      hostStatus: () => ({
        id,
        pid: process.pid,
        version: '0',
        port: 1900,
        address: '127.0.0.1',
        leader: leader === undefined,
        capabilities: { ...capabilities },
        uptimeMs: 0,
      }),
      heartbeat,
      backbone: options =>
        leader === undefined
          ? new Leader(options)
          : new Follower({
              ...options,
              leader: hostUrl(leader.port),
              credential: () => Promise.resolve({ secret }),
              seat,
              maxPayload: 1_000_000,
            }),
    })
    const again = async (between: () => void | Promise<void> = nothing): Promise<HostInProcess> => {
      const left = registrationsOf(server, handlers, actors, {})
      const { port } = server
      await host.close()
      await between()
      return HostInProcess.start(leader, options, { port, seat, left })
    }
    const host = new HostInProcess(id, server, capabilities, actors, handlers, again)
    if (store !== undefined) server.openStore(store)
    const kept = store === undefined ? before?.left : keptRegistrations(store, before?.left)
    if (kept === undefined) return host
    if (store === undefined) openSubscriptions(server, kept, nothing)
    else openKept(server, kept, nothing)
    await startRegistered(kept, handlers, actors, nothing)
    return host
  }

  bus(van = 'default', isLocalUser = true): Bus {
    const credential = isLocalUser ? { secret } : { kind: 'token' as const, secret: tokenSecret(token) }
    const { bus } = clientOf(this.server.port, { van, secret: () => Promise.resolve(credential) })
    this.#buses.push(bus)
    return bus
  }

  offer(changes: Record<string, unknown>): void {
    Object.assign(this.capabilities, changes)
    this.actors.reconsider()
    this.server.backbone.selfChanged()
  }

  async close(): Promise<void> {
    await Promise.all(this.#buses.splice(0).map(bus => bus.close({ drain: false })))
    await this.actors.stopAll()
    await this.handlers.stopAll()
    await this.server.close()
  }
}

/** A leader, and followers that have joined it: all know of all. The first is the leader. */
export async function startHosts(...options: readonly HostOptions[]): Promise<HostInProcess[]> {
  const leader = await HostInProcess.start(undefined, options[0])
  const hosts = [leader]
  for (const each of options.slice(1)) hosts.push(await HostInProcess.start(leader, each))
  await eventually(() => {
    for (const { server } of hosts) expect(server.backbone.members.list()).to.have.lengthOf(hosts.length)
  })
  return hosts
}
