import type { Bus } from '../bus/contract/bus.js'
import { createBus } from '../bus/create-bus.js'
import { connectLocal } from '../daemon/connect.js'
import { somebodyListens } from '../daemon/find/listens.js'
import { HostUnreachableError } from '../errors.js'
import { isOutage } from '../client/connection/outage.js'
import type { Cli } from './cli.js'
import { lineOf } from './exit.js'
import type { Globals } from './options/globals.js'

/** A connected bus on this machine's host. Errors that no call reports go to standard error, and not to the log too. */
export async function openBus(cli: Cli, globals: Globals): Promise<Bus> {
  const { van, port, token, verbose, autoStart } = globals
  if (!autoStart) await mustListen(port)
  const bus = createBus(van, connectLocal({ van, port, token, verbose, autoStart }), {
    reportsRefusals: false,
  })
  let isReady = false
  // `ready()` throws what keeps it from being ready. Until then, only an outage shows why the command waits.
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

/** A bus waits for a host to come; a command reports at once that none runs. */
async function mustListen(port: number): Promise<void> {
  if (await somebodyListens(port)) return
  throw new HostUnreachableError(`No host is running on port ${port}. Start one: msgvan start --port ${port}`)
}

/** For commands that only ask a host something: they do not start one. */
export function withoutStart(globals: Globals): Globals {
  return { ...globals, autoStart: false }
}
