/** A handler or actor as a host can load it: a module that Node can import, and the name it exports. */
export interface ModuleRef {
  /** A `file:` URL, or an absolute path. */
  readonly module: URL | string
  /** Default `'default'`. */
  readonly export?: string
}

/**
 * A ModuleRef to something that this module exports.
 *
 * @param url `import.meta.url` of the module
 * @param name the export's name, default `'default'`
 * @example
 * export function print(message) { console.log('Handler got', message.payload) }
 * await bus.subscribeHandler('printer', moduleRef(import.meta.url, 'print'), /^example/)
 */
export function moduleRef(url: string | URL, name = 'default'): ModuleRef {
  return { module: String(url), export: name }
}
