import { watch, type FSWatcher } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Editors write a file in several steps. */
const QUIET_MS = 100

interface Watched {
  readonly watcher: FSWatcher
  stamp: string | undefined
  timer: NodeJS.Timeout | undefined
}

/**
 * Reports when the file of a module has changed. It watches the folder: many editors put a new file in the old one's
 * place.
 */
export class ModuleWatch {
  readonly #changed: (module: string) => void
  readonly #warn: (error: unknown) => void
  readonly #watched = new Map<string, Watched>()

  constructor(changed: (module: string) => void, warn: (error: unknown) => void) {
    this.#changed = changed
    this.#warn = warn
  }

  /**
   * @param modules `file:` URLs of all running modules
   */
  watch(modules: ReadonlySet<string>): void {
    for (const [module, { watcher, timer }] of this.#watched) {
      if (modules.has(module)) continue
      clearTimeout(timer)
      watcher.close()
      this.#watched.delete(module)
    }
    for (const module of modules) if (!this.#watched.has(module)) this.#add(module)
  }

  close(): void {
    this.watch(new Set())
  }

  #add(module: string): void {
    const path = fileURLToPath(module)
    const watcher = watch(dirname(path), (_, name) => {
      if (name !== null && name !== basename(path)) return
      clearTimeout(watched.timer)
      watched.timer = setTimeout(() => void this.#look(module, path, watched), QUIET_MS)
    })
    watcher.on('error', this.#warn)
    const watched: Watched = { watcher, stamp: undefined, timer: undefined }
    this.#watched.set(module, watched)
    void stampOf(path).then(stamp => {
      watched.stamp ??= stamp
    })
  }

  async #look(module: string, path: string, watched: Watched): Promise<void> {
    const stamp = await stampOf(path)
    // Missing for a moment, between two steps; or only read.
    if (stamp === undefined || stamp === watched.stamp || !this.#watched.has(module)) return
    watched.stamp = stamp
    this.#changed(module)
  }
}

async function stampOf(path: string): Promise<string | undefined> {
  const file = await stat(path).catch(() => undefined)
  return file === undefined ? undefined : `${file.mtimeMs}/${file.size}/${file.ino}`
}
