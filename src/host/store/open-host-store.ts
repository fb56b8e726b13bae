import { newId } from '../../message/new-id.js'
import { openStore } from '../../store/open-store.js'
import type { Store } from '../../store/store.js'
import type { KeptName } from '../van/names-file.js'
import { HostStore } from './host-store.js'
import type { Retention } from './log.js'
import { missingStore } from './missing-error.js'

export interface OpenHostStoreOptions {
  readonly retention: Retention
  readonly floor?: number
  readonly warn: (text: string) => void
  /** The previous host had this store. */
  readonly isExpected?: boolean | undefined
  /** The named subscriptions of the previous host, if they are known without its store. */
  readonly names?: (() => readonly KeptName[]) | undefined
}

/** In \`meta\`, twice: it identifies the store for clients that it owes messages. */
const ID_KEYS = ['id', 'id/copy']

/** @throws StoreInUseError, StoreFormatError, StoreError */
export async function openHostStore(
  folder: string,
  { retention, floor, warn, isExpected, names = () => [] }: OpenHostStoreOptions,
): Promise<HostStore> {
  const opened: { host?: HostStore; gone?: string } = {}
  // While it opens, damage is set aside in another way.
  const damaged = (log: number, first: number): void => opened.host?.found(log, first)
  const gone = (why: string): void => {
    opened.gone = why
  }
  const store = await openStore(folder, { floor, warn, damaged, isExpected, gone })
  try {
    opened.host = new HostStore({ store, retention, warn, id: await idOf(store) })
  } catch (error) {
    await store.close()
    throw error
  }
  if (opened.gone !== undefined) opened.host.lost(missingStore(opened.gone, names()))
  return opened.host
}

async function idOf(store: Store): Promise<string> {
  const [found] = ID_KEYS.map(key => store.get('meta', key)).filter(id => id !== undefined)
  const id = found === undefined ? newId(18) : Buffer.from(found).toString()
  if (ID_KEYS.some(key => store.get('meta', key) === undefined))
    await store.transact(to => {
      for (const key of ID_KEYS) to.put('meta', key, Buffer.from(id))
    })
  return id
}
