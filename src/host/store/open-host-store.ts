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
  const store = await openStore(folder, { floor, warn })
  return new HostStore({ store, retention, warn })
}
