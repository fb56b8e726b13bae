import { describe, InvalidOptionError } from '../../errors.js'
import type { Log } from '../../log/log.js'
import { Fields } from '../../wire/fields.js'
import { decodeRequest, encodeRequest } from '../../wire/subscription-request.js'
import type { HandlerHost, HandlerRequest, Handlers } from '../handlers.js'
import type { HostStore } from './host-store.js'

/** Has registrations of handlers kept. */
export function keeping(store: HostStore): Required<Pick<HandlerHost, 'keep'>> {
  return {
    keep: (van, name, wanted) => {
      if (wanted === undefined) return store.keepHandler(van, name, undefined)
      const { module, export: exported, request, callerIsLocalUser } = wanted
      const kept = { van, name, module, export: exported, request: encodeRequest(request), callerIsLocalUser }
      return store.keepHandler(van, name, kept)
    },
  }
}

/** Registers again what was registered before the host ended. One that cannot start is said, and kept for the next start. */
export function registerKept(handlers: Handlers, store: HostStore, log: Log): void {
  for (const kept of store.handlers()) {
    const fields = new Fields(kept, what => new InvalidOptionError(`A handler that was kept ${what}.`))
    const wanted: HandlerRequest = {
      van: fields.text('van', 200),
      name: fields.text('name', 200),
      module: fields.text('module', 10_000),
      export: fields.text('export'),
      request: decodeRequest(fields.get('request')),
      callerIsLocalUser: fields.flag('callerIsLocalUser'),
      callerIsHandler: false,
    }
    handlers.register(wanted).catch((error: unknown) => {
      log.warning(`handler ${wanted.name} did not start again: ${describe(error)}`)
    })
  }
}
