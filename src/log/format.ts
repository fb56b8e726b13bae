import { describe } from '../errors.js'

/** rsyslog takes 8 KiB a line unless told otherwise; this leaves room for its header. */
const MAX_BYTES = 8_000

/** C0, DEL, C1, the line separators, and what turns the direction of writing: each could fake a line of its own. */
// eslint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }
/** What has a place of its own in a line, or none. */
const KNOWN = new Set(['level', 'message', 'name', 'stack', 'code', 'cause', 'timestamp'])

/** Control characters as visible escapes: `\n`, `\x1b`, `\u2028`. */
export function escapeControls(text: string): string {
  return text.replace(UNSAFE, character => {
    const code = character.charCodeAt(0)
    return SHORT[character] ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`)
  })
}

/**
 * A winston entry as one line: message, `[code]`, cause, other fields as `key=value`, and with `stacks` the stack.
 * Never more than 8,000 bytes and a note of what was cut; never a line break; never throws.
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

/** A part never needs to be longer than the line: a megabyte is not escaped to be thrown away. */
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

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0')
}
