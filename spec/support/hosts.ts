import { randomUUID } from 'node:crypto'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { Actors } from '../../src/host/actors/actors.js'
import { Follower } from '../../src/host/backbone/follower/follower.js'
import { Leader } from '../../src/host/backbone/leader/leader.js'
import { ModuleRoots } from '../../src/host/handlers/module-roots.js'
import type { HostServer } from '../../src/host/listen/server.js'
import { hostUrl } from '../../src/daemon/find/listens.js'
import type { Bus } from '../../src/index.js'
import { tokenSecret } from '../../src/wire/proof.js'
import { eventually } from './eventually.js'
import { clientOf, secret, startServer } from './host-server.js'

const token = 'the token of some hosts, long enough'

/** A module of actors for specs, in the folder that hosts load from. */
export const actorsModule = fileURLToPath(new URL('../../../spec/fixtures/actors.js', import.meta.url))

export interface HostOptions {
  readonly capabilities?: Record<string, unknown>
  readonly roots?: string[]
}

/** One host of several, its server and its actors in this process. */
export class HostInProcess {
  readonly lines: string[] = []
  readonly #buses: Bus[] = []

  private constructor(
    readonly id: string,
    readonly server: HostServer,
    readonly capabilities: Record<string, unknown>,
    readonly actors: Actors,
  ) {}

  static async start(
    leader: HostInProcess | undefined,
    { capabilities = {}, roots = [dirname(actorsModule)] }: HostOptions = {},
  ): Promise<HostInProcess> {
    const id = randomUUID()
    const nothing = (): void => undefined
    const actors = new Actors(
      {
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
      },
      new ModuleRoots(roots),
    )
    const server: HostServer = await startServer({
      actors,
      token,
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
      heartbeat: 300,
      backbone: means =>
        leader === undefined
          ? new Leader(means)
          : new Follower({
              ...means,
              leader: hostUrl(leader.server.port),
              credential: () => Promise.resolve({ secret }),
              seat: id,
              maxPayload: 1_000_000,
            }),
    })
    const host = new HostInProcess(id, server, capabilities, actors)
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
