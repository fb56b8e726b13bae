import type { Command } from 'commander'
import type { HostFlags } from '../host/settings.js'
import type { Globals } from './globals.js'

/** What `host`, `start` and `restart` take beyond the options that all commands know. Text: src/host/settings.ts checks it. */
export interface HostOptions {
  listen?: string
  idle?: string
  capabilities?: string
  root?: string[]
}

export function addHostOptions(command: Command): Command {
  return command
    .option(
      '--listen <address>',
      'listen beyond loopback too, with a token only: an IP address of this machine, or 0.0.0.0 for all (MSGVAN_LISTEN)',
    )
    .option(
      '--idle <seconds>',
      'end after so long without work; 0: never (MSGVAN_IDLE, default 0; a host that started by itself: 600)',
    )
    .option(
      '--root <folder...>',
      'where handler modules of callers that are not local may lie (MSGVAN_ROOTS)',
    )
    .option(
      '--capabilities <json>',
      'what this host offers to actors, as a JSON object (MSGVAN_CAPABILITIES)',
    )
}

/** All that a host can be told on a command line, as src/host/settings.ts takes it. */
export function hostFlags(globals: Globals, { listen, idle, capabilities, root }: HostOptions): HostFlags {
  const { port, token, verbose } = globals
  return { port: String(port), token, verbose, listen, idle, capabilities, roots: root }
}
