import { isDeepStrictEqual } from 'node:util'
import { ignoreRejection, isPromise } from '../../message/check-option.js'
import type { CapabilityValues } from '../../bus/contract/actors.js'

/** An actor's requirements for its host: values, or a function that checks the host's capabilities. */
export type Requirements = CapabilityValues | ((capabilities: CapabilityValues) => boolean)

/**
 * The first missing capability, as a text; undefined if none is missing. `true` stands for any truthy value; every
 * other value stands for an equal value.
 */
export function missing(requires: Requirements, capabilities: CapabilityValues): string | undefined {
  if (typeof requires === 'function') {
    // Nearly always its name is that of its property, which means nothing.
    const isNameless = ['', 'requires'].includes(requires.name)
    const what = `what ${isNameless ? 'its function of the capabilities' : requires.name} asks for`
    const fits: unknown = requires(capabilities)
    if (!isPromise(fits)) return fits ? undefined : what
    ignoreRejection(fits)
    return `${what} (it gave a promise, and must give true or false at once)`
  }
  for (const [key, wanted] of Object.entries(requires)) {
    const offered = Object.hasOwn(capabilities, key) ? capabilities[key] : undefined
    const fits = wanted === true ? Boolean(offered) : isDeepStrictEqual(offered, wanted)
    if (!fits) return wanted === true ? key : `${key}: ${shown(wanted)}`
  }
  return undefined
}

function shown(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    return String(value)
  }
}
