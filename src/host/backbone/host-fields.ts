import type { HostStatus } from '../../bus/contract/status.js'
import { InvalidOptionError } from '../../errors.js'
import { Fields } from '../../wire/frames/fields.js'

/**
 * Another host's own status.
 *
 * @throws InvalidOptionError
 */
export function hostOf(value: unknown): HostStatus {
  const fields = new Fields(value, what => new InvalidOptionError(`A host ${what}.`))
  const capabilities = fields.get('capabilities')
  if (typeof capabilities !== 'object' || capabilities === null || Array.isArray(capabilities))
    throw new InvalidOptionError('A host has no object as capabilities.')
  return {
    id: fields.text('id', 100),
    pid: fields.whole('pid'),
    version: fields.text('version', 64),
    port: fields.whole('port', 0, 65_535),
    address: fields.text('address', 100),
    leader: fields.flag('leader'),
    capabilities: { ...capabilities },
    uptimeMs: fields.number('uptimeMs', 0, Number.MAX_SAFE_INTEGER),
  }
}
