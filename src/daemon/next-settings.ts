import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { StoreError } from '../errors.js'
import { hostSettings, portSetting, type HostFlags, type HostSettings } from '../host/process/settings.js'
import { goingOn, isGiven, settingsGiven } from '../host/process/settings-kept.js'
import type { StatePaths } from '../state/paths.js'
import { readPidHint } from '../state/pid-hint.js'
import { readHostToken, readSettings } from './settings-file.js'

/** The settings of the next host on a port. */
export interface NextSettings {
  readonly settings: HostSettings
  /** The flags that the host after that one starts with, too. */
  readonly flags: HostFlags
  /** It offers the capabilities of the host before: no flag and no variable sets others. */
  readonly keepsCapabilities: boolean
  /** The host before had the same store, and messages in it may be owed. */
  readonly hadStore: boolean
}

/**
 * Flag over environment over the previous host's setting over default.
 *
 * @param isFresh ignores the settings of the previous host
 * @throws InvalidOptionError, AuthError if the kept token is gone, StoreError if the kept store is gone
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
  if (store !== undefined && !isGiven('store', given, env) && !existsSync(store)) {
    // The folder may not be mounted: an empty store in its place would lose all messages of the previous host.
    throw new StoreError(
      `The host on port ${port} kept its messages in ${store}, and that folder is missing. Put it back; ` +
        `or begin an empty store (msgvan start --port ${port} --store ${store}), or none (--fresh).`,
    )
  }
  return {
    settings,
    flags: settingsGiven(settings, flags, before, env),
    keepsCapabilities: !isGiven('capabilities', given, env),
    hadStore:
      store !== undefined &&
      (!isGiven('store', given, env) || (isSame(store, before.store) && (await wasKilled(paths, port)))),
  }
}

/** If a flag or a variable names the store again after an orderly end, the user may mean a new one. */
async function wasKilled(paths: StatePaths, port: number): Promise<boolean> {
  return (await readPidHint(paths, port)) !== undefined
}

function isSame(store: string, before: string | undefined): boolean {
  return before !== undefined && resolve(before) === resolve(store)
}

async function flagsBefore(
  given: HostFlags,
  paths: StatePaths,
  port: number,
  env: NodeJS.ProcessEnv,
): Promise<HostFlags> {
  const kept = await readSettings(paths, port)
  if (kept === undefined) return {}
  if (!kept.hasToken || isGiven('token', given, env)) return kept.flags
  return { ...kept.flags, token: await readHostToken(paths, port) }
}
