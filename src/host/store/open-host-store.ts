import { openStore } from '../../store/open-store.js'
import { HostStore } from './host-store.js'
import type { Retention } from './log.js'

/** @throws StoreInUseError, StoreFormatError, StoreError */
export async function openHostStore(
  folder: string,
  {
    retention,
    floor,
    warn,
  }: { readonly retention: Retention; readonly floor?: number; readonly warn: (text: string) => void },
): Promise<HostStore> {
  const opened: { host?: HostStore } = {}
  // While it is opened, what is damaged is set aside in another way.
  const damaged = (log: number, first: number): void => opened.host?.found(log, first)
  const store = await openStore(folder, { floor, warn, damaged })
  return (opened.host = new HostStore({ store, retention, warn }))
}
