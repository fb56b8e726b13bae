import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Child } from '../support/child.js'
import { freePort, Host, type Sandbox } from '../support/sandbox.js'
import type { Kind } from './peer.js'
import { findProgram, Program } from './program.js'

export interface Server {
  readonly port: number
  stop(): Promise<void>
}

/** No kind's server is to be slowed down or to drop anything by a limit that is there to save memory. */
const natsSettings = (folder: string) => `
max_pending: 1GB
write_deadline: "60s"
jetstream { store_dir: "${folder}", max_memory_store: 2GB, max_file_store: 1GB }
`
const mosquittoSettings = (port: number) => `
listener ${port} 127.0.0.1
allow_anonymous true
persistence false
set_tcp_nodelay true
max_queued_messages 0
max_inflight_messages 1000
log_type error
`

/** Undefined when its program is not on this machine. With CI set that is an error. */
export async function startServer(kind: Kind, sandbox: Sandbox): Promise<Server | undefined> {
  switch (kind) {
    case 'msgvan': {
      const host = await Host.start(sandbox)
      return { port: sandbox.port, stop: () => host.stop() }
    }
    case 'msgvan-store': {
      const port = await freePort()
      const env = { ...sandbox.env, MSGVAN_PORT: String(port), MSGVAN_STORE: join(sandbox.home, 'store') }
      const host = await Host.start({ ...sandbox, port, env })
      return { port, stop: () => host.stop() }
    }
    case 'socket.io': {
      const relay = new Child('peers/socket-io-relay.js')
      return { port: await relay.ask<number>('port'), stop: () => relay.stop() }
    }
    case 'nats':
    case 'jetstream':
    case 'jetstream-file':
      return startProgram('nats-server', sandbox, async (folder, port) => {
        const settings = join(folder, 'nats.conf')
        await writeFile(settings, natsSettings(folder))
        return ['--config', settings, '--addr', '127.0.0.1', '--port', String(port)]
      })
    case 'redis':
      return startProgram('redis-server', sandbox, (_folder, port) =>
        [
          ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'],
          ['--client-output-buffer-limit', 'pubsub', '0', '0', '0'],
        ].flat(),
      )
    case 'redis-streams':
      return startProgram('redis-server', sandbox, (_folder, port) =>
        [
          ['--bind', '127.0.0.1', '--port', String(port), '--save', ''],
          ['--appendonly', 'yes', '--appendfsync', 'always'],
        ].flat(),
      )
    case 'mqtt':
      return startProgram('mosquitto', sandbox, async (folder, port) => {
        const settings = join(folder, 'mosquitto.conf')
        await writeFile(settings, mosquittoSettings(port))
        return ['-c', settings]
      })
  }
}

async function startProgram(
  name: string,
  { home }: Sandbox,
  argumentsFor: (folder: string, port: number) => readonly string[] | Promise<readonly string[]>,
): Promise<Server | undefined> {
  const path = await findProgram(name)
  if (path === undefined) {
    if (process.env['CI'] === 'true')
      throw new Error(`${name} is not on this machine: install it (on Debian: apt-get install ${name})`)
    return undefined
  }
  const port = await freePort()
  const folder = join(home, `${name}-${port}`)
  await mkdir(folder)
  return Program.start(path, await argumentsFor(folder, port), port, folder)
}
