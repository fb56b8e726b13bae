import { existsSync } from 'node:fs'
import { StoreError } from '../errors.js'
import { hostSettings, portSetting, type HostFlags, type HostSettings } from '../host/process/settings.js'
import { goingOn, isSaid, settingsTold } from '../host/process/settings-kept.js'
import type { StatePaths } from './files/paths.js'
import { readHostToken, readSettings } from './files/settings-file.js'

/** How the next host on a port is to be. */
export interface NextSettings {
  readonly settings: HostSettings
  /** The flags that the host after that one starts with, too. */
  readonly flags: HostFlags
  /** It offers the capabilities of the host before: no flag and no variable sets others. */
  readonly keepsCapabilities: boolean
  /** The host before kept what it owes in the same store. */
  readonly hadStore: boolean
}

/**
 * Flag over environment over how the host before was started over default.
 *
 * @param isFresh begins without the settings of the host before
 * @throws InvalidOptionError, AuthError if the token that goes on is gone, StoreError if the store that goes on is gone
 */
export async function nextSettings(
  given: HostFlags,
  paths: StatePaths,
  isFresh: boolean,
  env: NodeJS.ProcessEnv = process.env,
): Promise<NextSettings> {
  const port = portSetting(given.port, env)
  const before = isFresh ? {} : await flagsBefore(given, paths, port, env)
  const flags = goingOn(given, before, env)
  const settings = hostSettings(flags, env)
  const { store } = settings
  if (store !== undefined && !isSaid('store', given, env) && !existsSync(store)) {
    // A folder that is not mounted, say: an empty store in its place would owe nothing of what the host before owes.
    throw new StoreError(
      `The host on port ${port} kept what it owes in ${store}, and that folder is not there. Put it back; ` +
        `or begin an empty store (msgvan start --port ${port} --store ${store}), or none (--fresh).`,
    )
  }
  return {
    settings,
    flags: settingsTold(settings, flags, before, env),
    keepsCapabilities: !isSaid('capabilities', given, env),
    // Of one that a flag or a variable says, a user may mean a new one.
    hadStore: store !== undefined && !isSaid('store', given, env),
  }
}

async function flagsBefore(
  given: HostFlags,
  paths: StatePaths,
  port: number,
  env: NodeJS.ProcessEnv,
): Promise<HostFlags> {
  const kept = await readSettings(paths, port)
  if (kept === undefined) return {}
  if (!kept.hasToken || isSaid('token', given, env)) return kept.flags
  return { ...kept.flags, token: await readHostToken(paths, port) }
}
