import { InvalidOptionError } from '../../errors.js'
import { shown } from '../../message/check-option.js'
import type { Middleware } from './middleware.js'

const WANTED = 'use is a list of middleware, such as [{ publish(message, next) { return next() } }]'

/**
 * @returns a copy, because a later change of the list has no effect. Undefined without middleware.
 * @throws InvalidOptionError
 */
export function checkUse(use: unknown): readonly Middleware[] | undefined {
  if (use === undefined) return undefined
  if (!Array.isArray(use)) throw new InvalidOptionError(`${WANTED}; this is ${shown(use)}.`)
  const all = [...(use as unknown[])]
  all.forEach((middleware, at) => check(middleware, `use[${at}]`))
  return all.length === 0 ? undefined : (all as Middleware[])
}

function check(middleware: unknown, which: string): void {
  if (typeof middleware !== 'object' || middleware === null)
    throw new InvalidOptionError(`${WANTED}; ${which} is ${shown(middleware)}.`)
  const { publish, deliver }: { publish?: unknown; deliver?: unknown } = middleware
  for (const [name, part] of Object.entries({ publish, deliver }))
    if (part !== undefined && typeof part !== 'function')
      throw new InvalidOptionError(`${which}.${name} is a function; this is ${shown(part)}.`)
  if (publish === undefined && deliver === undefined)
    throw new InvalidOptionError(`${which} has neither publish() nor deliver(): give one of them.`)
}
