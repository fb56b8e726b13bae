import { realpath } from 'node:fs/promises'
import { isAbsolute, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe, HandlerModuleError } from '../../errors.js'

/**
 * The allowed places of a handler's module. Loading one is code execution. A caller who proved to be this machine's
 * user may name any, because that user could start any program. Other callers may only name those under the host's
 * roots.
 */
export class ModuleRoots {
  readonly #roots: readonly string[]

  constructor(roots: readonly string[]) {
    this.#roots = roots
  }

  /**
   * @returns the module's `file:` URL
   *
   * @throws HandlerModuleError if it is missing, not a file, or outside the roots
   */
  async resolve(module: string, callerIsLocalUser: boolean): Promise<string> {
    const path = await real(pathOf(module))
    if (!callerIsLocalUser && !(await this.#covers(path))) {
      throw new HandlerModuleError(
        `${module} lies outside the roots that this host loads modules from. Start the host with --root DIR, or register from the host's own machine and user.`,
      )
    }
    // The given path, not the real one: relative imports of a linked module resolve as its author sees them.
    return moduleUrl(module)
  }

  async #covers(path: string): Promise<boolean> {
    for (const root of this.#roots) {
      const top = await realpath(root).catch(() => undefined)
      if (top !== undefined && path.startsWith(top.endsWith(sep) ? top : top + sep)) return true
    }
    return false
  }
}

/**
 * A module's `file:` URL, whether it exists or not.
 *
 * @throws HandlerModuleError
 */
export function moduleUrl(module: string): string {
  return pathToFileURL(pathOf(module)).href
}

function pathOf(module: string): string {
  try {
    if (module.startsWith('file:')) return fileURLToPath(module)
  } catch (error) {
    throw new HandlerModuleError(`${module} is not a file URL: ${describe(error)}.`, { cause: error })
  }
  if (isAbsolute(module)) return module
  throw new HandlerModuleError(
    `${JSON.stringify(module)} is neither a file: URL nor an absolute path. Use moduleRef(import.meta.url, 'name').`,
  )
}

async function real(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    throw new HandlerModuleError(`There is no module ${path}. Check the path on the host's machine.`, {
      cause: error,
    })
  }
}
