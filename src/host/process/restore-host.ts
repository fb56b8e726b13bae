import { rm } from 'node:fs/promises'
import { writeSettings } from '../../daemon/settings-file.js'
import type { Log } from '../../log/log.js'
import { takeIn } from '../hand-over/take-in.js'
import { openSubscriptions, type Registrations } from '../handlers/registrations.js'
import type { HostStore } from '../store/host-store.js'
import type { OpenHostStoreOptions } from '../store/open-host-store.js'
import { keptRegistrations, openKept } from '../store/kept-registrations.js'
import { restoreNames } from '../van/names-file.js'
import type { Host } from './host.js'
import type { HostFiles } from './host-files.js'
import type { HostFlags, HostSettings } from './settings.js'

export interface HostBefore {
  /** The flags that the host after this one starts with, too. Default: none. */
  readonly flags?: HostFlags
  /** The previous host had the same store. */
  readonly hadStore?: boolean
}

/**
 * Opens the store, and takes in the messages of the previous host: from its store, its hand-over, or its names. No client
 * may connect before: from then on this host owes the messages that it takes over.
 *
 * @returns the handlers and actors that ran in the previous host
 * @throws StoreInUseError, StoreFormatError, StoreError
 */
export async function restoreHost(
  host: Host,
  settings: HostSettings,
  { paths, log }: HostFiles,
  before: Registrations | undefined,
  { flags = {}, hadStore }: HostBefore,
): Promise<Registrations | undefined> {
  const { port, join } = settings
  const { server, names } = host
  const warn = (text: string): void => log.warning(text)
  const store = await openStore(settings, log, { isExpected: hadStore, names: () => names.read() })
  // The next host has to know where this one keeps its messages.
  await writeSettings(paths, port, { flags, auto: settings.auto })
  const registrations = store === undefined ? before : restoreFrom(store, host, before, warn)
  const info = (text: string): void => log.info(text)
  await takeIn(paths.handOver(port), server, { registrations, warn, info })
  if (store === undefined && before !== undefined) openSubscriptions(server, before, warn)
  // A follower's names are at its leader.
  if (join === undefined) {
    restoreNames(server, names.read(), warn)
    names.begin()
  } else names.end(true)
  if (before !== undefined) await rm(paths.registrations(port), { force: true })
  return registrations
}

/** Synchronous: nothing happens in between. */
function restoreFrom(
  store: HostStore,
  host: Host,
  before: Registrations | undefined,
  warn: (text: string) => void,
): Registrations {
  host.openStore(store)
  const registrations = keptRegistrations(store, before)
  openKept(host.server, registrations, warn)
  store.restoreCapabilities(changes =>
    host.capabilities.restore(changes, delta => store.keepCapabilities(delta)),
  )
  return registrations
}

/** Loads lmdb only for a host with a store. */
async function openStore(
  { store: folder, retainAgeMs, retainBytes, storeFloor }: HostSettings,
  log: Log,
  before: Pick<OpenHostStoreOptions, 'isExpected' | 'names'>,
): Promise<HostStore | undefined> {
  if (folder === undefined) return undefined
  const { openHostStore } = await import('../store/open-host-store.js')
  return openHostStore(folder, {
    retention: { age: retainAgeMs, bytes: retainBytes },
    floor: storeFloor,
    warn: text => log.warning(text),
    ...before,
  })
}
