import { askHost } from '../../daemon/ask.js'
import { nextSettings } from '../../daemon/next-settings.js'
import { statePaths } from '../../daemon/files/paths.js'
import type { HostFlags } from '../../host/process/settings.js'
import { SETTINGS, type SettingKey } from '../../host/process/settings-table.js'
import { readKept } from '../../host/process/settings-kept.js'

/**
 * What a host that was running already was started with otherwise than flags and variables say now, as flags. A host that does not
 * say it differs in nothing. Capabilities change while it runs, and what it logs is no reason to start it anew.
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
