import { describe } from '../errors.js'
import { escapeControls } from './escape-controls.js'

/** rsyslog takes 8 KiB a line by default; this leaves room for its header. */
const MAX_BYTES = 8_000

/** Fields with a place of their own in a line, or without one. */
const KNOWN = new Set(['level', 'message', 'name', 'stack', 'code', 'cause', 'timestamp'])

/**
 * A winston entry as one line: message, `[code]`, cause, other fields as `key=value`, and with `stacks` the stack.
 * Never more than 8,000 bytes, with a note if it was cut; never a line break; never throws.
 */
export function formatLine(entry: object, options: { stacks?: boolean } = {}): string {
  try {
    return cut(escapeControls(compose(entry, options.stacks === true)))
  } catch {
    return 'an entry that cannot be shown'
  }
}

function compose(entry: object, stacks: boolean): string {
  const fields: Readonly<Record<string, unknown>> = { ...entry }
  const { message, code, cause, stack } = entry as Readonly<Record<string, unknown>>
  const parts = [brief(textOf(message))]
  if (isCode(code) && !textOf(message).includes(String(code))) parts.push(`[${code}]`)
  if (cause !== undefined) parts.push(`(cause: ${brief(textOf(cause))})`)
  for (const [key, value] of Object.entries(fields)) {
    if (!KNOWN.has(key) && value !== undefined) parts.push(`${brief(key)}=${brief(textOf(value, stacks))}`)
  }
  const shown = message instanceof Error ? message.stack : stack
  if (stacks && typeof shown === 'string') parts.push(brief(shown))
  return parts.join(' ')
}

function textOf(value: unknown, stacks = false): string {
  if (typeof value === 'string') return value
  if (!(value instanceof Error)) return describe(value)
  const code: unknown = 'code' in value ? value.code : undefined
  const text = isCode(code) ? `${describe(value)} [${code}]` : describe(value)
  return stacks && value.stack !== undefined ? `${text} ${value.stack}` : text
}

function isCode(code: unknown): code is string | number {
  return typeof code === 'string' || typeof code === 'number'
}

/** A part never needs to be longer than the line: this does not escape a megabyte only to throw it away. */
function brief(text: string): string {
  return text.length > MAX_BYTES ? `${text.slice(0, MAX_BYTES)}… (${text.length - MAX_BYTES} more)` : text
}

function cut(line: string): string {
  const size = Buffer.byteLength(line)
  if (size <= MAX_BYTES) return line
  const kept = Buffer.from(line)
    .subarray(0, MAX_BYTES)
    .toString()
    .replace(/\ufffd+$/, '')
  return `${kept}… (cut, ${size} bytes)`
}
