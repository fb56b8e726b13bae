import { askHost } from '../../daemon/find/ask.js'
import { nextSettings } from '../../daemon/next-settings.js'
import { statePaths } from '../../state/paths.js'
import type { HostFlags } from '../../host/process/settings.js'
import { SETTINGS, type SettingKey } from '../../host/process/settings-table.js'
import { readKept } from '../../host/process/settings-kept.js'

/**
 * The options, as flags, in which a running host differs from flags and variables now. A host that does not report an
 * option does not differ in it. Capabilities change while it runs, and log options do not justify a restart, so both
 * are left out.
 */
export async function differingFlags(given: HostFlags, port: number): Promise<string[]> {
  const paths = statePaths()
  const { flags } = await nextSettings(given, paths, true)
  const running = await askHost({ port, paths }, broker => broker.callHost('settings')).catch(() => undefined)
  if (running === undefined) return []
  const is = readKept(running)
  return (Object.keys(flags) as SettingKey[])
    .filter(key => key !== 'capabilities' && key !== 'verbose')
    .filter(key => JSON.stringify(flags[key]) !== JSON.stringify(is[key]))
    .map(key => SETTINGS[key].flag)
}
