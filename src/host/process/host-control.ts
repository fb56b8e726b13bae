import { InvalidOptionError } from '../../errors.js'
import { Fields } from '../../wire/frames/fields.js'
import type { HostAnswers } from '../calls/services.js'
import type { Capabilities } from '../handlers/capabilities.js'
import type { Registrations } from '../handlers/registrations.js'
import type { HostEnd } from './host-end.js'
import type { HostSettings } from './settings.js'
import { settingsKept } from './settings-kept.js'

export interface HostControlOptions {
  readonly settings: HostSettings
  readonly capabilities: Capabilities
  readonly ending: HostEnd
  readonly registered: () => Registrations
  /**
   * Writes all of its memory to files of the next host.
   *
   * @param client the client that asks for it
   */
  readonly handOver: (client: string) => Promise<void>
}

/** The answers to calls to the host itself, such as `host.stop`. */
export function hostAnswers(options: HostControlOptions): HostAnswers {
  const { settings, capabilities, registered, handOver, ending } = options
  /** After the answer is on its way. */
  const endSoon = (reason: 'asked' | 'restarted' | 'handed over'): true => {
    setImmediate(() => ending.end(reason))
    return true
  }
  return {
    'host.joining': () => ({ leader: settings.leader, join: settings.join, listen: settings.listen }),
    'host.registrations': () => registered(),
    'host.settings': () => settingsKept(settings),
    'host.capabilities': async args => {
      if (args !== undefined) await capabilities.change(args)
      return capabilities.values
    },
    'host.handOver': async ({ client }) => {
      await handOver(client)
      return endSoon('handed over')
    },
    'host.stop': args => endSoon(isRestart(args) ? 'restarted' : 'asked'),
  }
}

/** The next host comes at once, and has the same store. An older command line does not report it. */
function isRestart(args: unknown): boolean {
  if (args === undefined) return false
  const fields = new Fields(args, what => new InvalidOptionError(`The call stop ${what}.`))
  return fields.optional('isRestart', key => fields.flag(key)) ?? false
}
