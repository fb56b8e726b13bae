import { InvalidOptionError } from '../../errors.js'
import { isUtf8 } from '../../message/well-formed.js'

/** A handler or actor in a form that a host can load: a module that Node can import, and the name of its export. */
export interface ModuleRef {
  /** A `file:` URL, or an absolute path. */
  readonly module: URL | string
  /** Default `'default'`. */
  readonly export?: string
}

/**
 * A ModuleRef to something that this module exports.
 *
 * @throws InvalidOptionError
 * @param url `import.meta.url` of the module
 * @param name the export's name, default `'default'`
 * @example
 * export function print(message) { console.log('Handler got', message.payload) }
 * await bus.subscribeHandler('printer', moduleRef(import.meta.url, 'print'), /^example/)
 */
export function moduleRef(url: string | URL, name = 'default'): ModuleRef {
  checkModuleRef({ module: url, export: name })
  return { module: String(url), export: name }
}

/** @throws InvalidOptionError */
export function checkModuleRef(ref: unknown, what = 'A handler'): asserts ref is ModuleRef {
  const module = typeof ref === 'object' && ref !== null && 'module' in ref ? ref.module : undefined
  const name = typeof ref === 'object' && ref !== null && 'export' in ref ? ref.export : undefined
  if (!(module instanceof URL || isName(module)) || !(name === undefined || isName(name))) {
    throw new InvalidOptionError(
      `${what} is named as { module, export }: make one with moduleRef(import.meta.url, 'name').`,
    )
  }
}

/** Half a surrogate pair has no UTF-8, and so no file name. */
function isName(text: unknown): boolean {
  return typeof text === 'string' && text !== '' && isUtf8(text)
}

/** The module as it crosses to a host. */
export function moduleText({ module }: ModuleRef): string {
  return String(module)
}
