import { isDeepStrictEqual } from 'node:util'
import type { CapabilityValues } from '../../bus/contract/actors.js'

/** What an actor requires of its host: values, or a function of the host's capabilities that says whether they will do. */
export type Requirements = CapabilityValues | ((capabilities: CapabilityValues) => boolean)

/**
 * The first that is missing, as a text; undefined when all is there. `true` stands for any truthy value; everything else
 * for a value that is equal.
 */
export function missing(requires: Requirements, capabilities: CapabilityValues): string | undefined {
  if (typeof requires === 'function') {
    // Nearly always it goes by the name of the property that it is: that says nothing.
    const isNameless = ['', 'requires'].includes(requires.name)
    return requires(capabilities)
      ? undefined
      : `what ${isNameless ? 'its function of the capabilities' : requires.name} asks for`
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
