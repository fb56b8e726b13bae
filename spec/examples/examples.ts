import { fileURLToPath } from 'node:url'

const root = new URL('../../../', import.meta.url)

/** A file of the checkout, by its path from the top. */
export function checkout(path: string): string {
  return fileURLToPath(new URL(path, root))
}
