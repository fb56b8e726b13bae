import { InvalidPatternError, type MsgvanError } from '../../errors.js'
import { wildcard } from './wildcard.js'
import { mqtt } from './mqtt.js'

/** The most topics that one bus tells about. */
const MOST = 100

/**
 * Tells of each exact topic once that looks like a wildcard. Users of other buses write such strings, and would get no
 * message.
 */
export class ExactNotice {
  readonly #tell: (notice: MsgvanError) => void
  #told: Set<string> | undefined

  constructor(tell: (notice: MsgvanError) => void) {
    this.#tell = tell
  }

  look(pattern: RegExp | string): void {
    if (typeof pattern !== 'string' || !/[*>+#]/.test(pattern)) return
    const helper = helperOf(pattern)
    if (helper === undefined && !pattern.includes('*')) return
    const told = (this.#told ??= new Set())
    if (told.has(pattern) || told.size >= MOST) return
    told.add(pattern)
    const text = JSON.stringify(pattern)
    const advice = helper === undefined ? 'a RegExp' : `${helper}(${text})`
    this.#tell(
      new InvalidPatternError(
        `The pattern ${text} is a string, so it matches this one topic only. If it is meant as a wildcard, give ${advice}.`,
      ),
    )
  }
}

/** The helper that takes this text as a wildcard. */
function helperOf(text: string): 'wildcard' | 'mqtt' | undefined {
  if (text.split('.').some(token => token === '*' || token === '>') && isTaken(wildcard, text))
    return 'wildcard'
  const isMqtt = text.includes('/') || text === '#' || text === '+'
  if (isMqtt && text.split('/').some(level => level === '+' || level === '#') && isTaken(mqtt, text))
    return 'mqtt'
  return undefined
}

function isTaken(helper: (text: string) => RegExp, text: string): boolean {
  try {
    helper(text)
    return true
  } catch {
    return false
  }
}
