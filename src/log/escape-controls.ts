/**
 * C0, DEL, C1, the line separators, and the marks that turn the direction of writing. In a log or on a terminal each
 * could fake a line, or change the shown text.
 */
// eslint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g
const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Control characters as visible escapes: `\n`, `\x1b`, `\u2028`. */
export function escapeControls(text: string): string {
  return text.replace(UNSAFE, character => {
    const code = character.charCodeAt(0)
    return SHORT[character] ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`)
  })
}

/** JSON on one line, in the escapes of JSON: its meaning stays the same. */
export function escapeJson(json: string): string {
  return json.replace(UNSAFE, character => `\\u${hex(character.charCodeAt(0), 4)}`)
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0')
}
