import type { Bus } from '../bus/contract/bus.js'
import { createBus } from '../bus/create-bus.js'
import { connectLocal } from '../daemon/connect.js'
import { somebodyListens } from '../daemon/listens.js'
import { HostUnreachableError } from '../errors.js'
import { isOutage } from '../client/connection/outage.js'
import type { Cli } from './cli.js'
import { lineOf } from './exit.js'
import type { Globals } from './options/globals.js'

/** A bus on this machine's host, connected. What no call could report goes to standard error, and not to the log too. */
export async function openBus(cli: Cli, globals: Globals): Promise<Bus> {
  const { van, port, token, verbose, autoStart } = globals
  if (!autoStart) await mustListen(port)
  const bus = createBus(van, connectLocal({ van, port, token, verbose, autoStart }), {
    reportsRefusals: false,
  })
  let isReady = false
  // What keeps it from being ready is thrown. Before that, only an outage shows why the command waits.
  bus.errors$.subscribe(error => {
    if (isReady || isOutage(error)) cli.talk(lineOf(error) ?? '')
  })
  try {
    await bus.ready()
    isReady = true
  } catch (error) {
    await bus.close({ drain: false })
    throw error
  }
  return bus
}

/** A bus waits for a host to come; a command line says at once that there is none. */
async function mustListen(port: number): Promise<void> {
  if (await somebodyListens(port)) return
  throw new HostUnreachableError(`No host is running on port ${port}. Start one: msgvan start --port ${port}`)
}

/** For commands that only look at a host or ask it something: they start none. */
export function withoutStart(globals: Globals): Globals {
  return { ...globals, autoStart: false }
}
