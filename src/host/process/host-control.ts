import { InvalidOptionError, UnsupportedError } from '../../errors.js'
import { version } from '../../version.js'
import { Fields } from '../../wire/frames/fields.js'
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

/** Answers the calls to the host itself, such as `stop`. Only this machine's user gets here. */
export class HostControl {
  readonly #options: HostControlOptions

  constructor(options: HostControlOptions) {
    this.#options = options
  }

  /**
   * @throws UnsupportedError for an unknown name, and the errors of each call
   */
  async answer(method: string, args: unknown): Promise<unknown> {
    const { settings, capabilities, registered } = this.#options
    switch (method) {
      case 'joining':
        return { leader: settings.leader, join: settings.join, listen: settings.listen }
      case 'registrations':
        return registered()
      case 'settings':
        return settingsKept(settings)
      case 'capabilities':
        if (args !== undefined) await capabilities.change(args)
        return capabilities.values
      case 'handOver':
        return this.#handOver(args)
      case 'stop':
        return this.#endSoon(isRestart(args) ? 'restarted' : 'asked')
      default:
        throw new UnsupportedError(
          `This host (msgvan ${version}) has no call ${JSON.stringify(method.slice(0, 100))}.`,
        )
    }
  }

  async #handOver(args: unknown): Promise<true> {
    const fields = new Fields(args, what => new InvalidOptionError(`The call handOver ${what}.`))
    await this.#options.handOver(fields.text('client', 64))
    return this.#endSoon('handed over')
  }

  /** After the answer is on its way. */
  #endSoon(reason: 'asked' | 'restarted' | 'handed over'): true {
    setImmediate(() => this.#options.ending.end(reason))
    return true
  }
}

/** The next host comes at once, and has the same store. An older command line does not report it. */
function isRestart(args: unknown): boolean {
  if (args === undefined) return false
  const fields = new Fields(args, what => new InvalidOptionError(`The call stop ${what}.`))
  return fields.optional('isRestart', key => fields.flag(key)) ?? false
}
