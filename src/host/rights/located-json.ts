/** A value of a JSON text, with the line on which it begins. */
export interface Located {
  readonly line: number
  readonly value: string | number | boolean | null | readonly Located[] | ReadonlyMap<string, Located>
}

export type Members = ReadonlyMap<string, Located>

/** A fault with its line, counted from 1. */
export class JsonFault extends Error {
  constructor(
    readonly line: number,
    what: string,
  ) {
    super(what)
  }
}

const DEEPEST = 20
const TOKEN = /[{}[\],:]|"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null/y
const SPACE = /[ \t\r\n]*/y

/**
 * Reads JSON so that each fault has its line, also one that shows later. A key that comes twice is a fault: `JSON.parse` takes the last
 * one, and a reader the first.
 *
 * @throws JsonFault
 */
export function readJson(text: string): Located {
  const reader = new Reader(text)
  const value = reader.value(0)
  reader.end()
  return value
}

/** @param keys the known keys. Default: any */
export function membersOf({ line, value }: Located, what: string, keys?: readonly string[]): Members {
  if (!(value instanceof Map)) throw new JsonFault(line, `${what} is a JSON object`)
  const members = value as Members
  for (const [key, member] of members)
    if (keys?.includes(key) === false)
      throw new JsonFault(member.line, `${what} has no ${JSON.stringify(key)}; it has ${keys.join(', ')}`)
  return members
}

/** A text that must be there. @throws JsonFault */
export function textOf(members: Members, key: string, { line }: Located): string {
  const member = members.get(key)
  if (typeof member?.value === 'string' && member.value !== '') return member.value
  throw new JsonFault(member?.line ?? line, `"${key}" is a text that is not empty`)
}

class Reader {
  readonly #text: string
  #at = 0
  #line = 1

  constructor(text: string) {
    this.#text = text
  }

  value(depth: number): Located {
    const token = this.#take()
    const line = this.#line
    if (depth > DEEPEST) throw new JsonFault(line, 'values nest too deep')
    if (token === '{') return { line, value: this.#object(depth) }
    if (token === '[') return { line, value: this.#array(depth) }
    return { line, value: this.#scalar(token) }
  }

  end(): void {
    this.#skip()
    if (this.#at < this.#text.length)
      throw new JsonFault(this.#line, 'something follows the end of the object')
  }

  #object(depth: number): ReadonlyMap<string, Located> {
    const members = new Map<string, Located>()
    if (this.#takeIf('}')) return members
    do {
      const token = this.#take()
      if (!token.startsWith('"')) throw new JsonFault(this.#line, `a key in quotes belongs where ${token} is`)
      const key = String(this.#scalar(token))
      if (members.has(key)) throw new JsonFault(this.#line, `the key ${JSON.stringify(key)} comes twice`)
      this.#expect(':')
      members.set(key, this.value(depth + 1))
    } while (this.#takeIf(','))
    this.#expect('}')
    return members
  }

  #array(depth: number): readonly Located[] {
    const values: Located[] = []
    if (this.#takeIf(']')) return values
    do values.push(this.value(depth + 1))
    while (this.#takeIf(','))
    this.#expect(']')
    return values
  }

  #scalar(token: string): string | number | boolean | null {
    try {
      const value: unknown = JSON.parse(token)
      if (
        value === null ||
        typeof value === 'string' ||
        typeof value === 'number' ||
        typeof value === 'boolean'
      )
        return value
    } catch {
      // Reported below, with the line.
    }
    throw new JsonFault(this.#line, `${token.slice(0, 40)} is not a JSON value`)
  }

  #expect(token: string): void {
    const found = this.#take()
    if (found !== token) throw new JsonFault(this.#line, `${token} belongs where ${found.slice(0, 40)} is`)
  }

  #takeIf(token: string): boolean {
    this.#skip()
    if (this.#text[this.#at] !== token) return false
    this.#at += 1
    return true
  }

  #take(): string {
    this.#skip()
    TOKEN.lastIndex = this.#at
    const [token] = TOKEN.exec(this.#text) ?? []
    if (token === undefined) throw new JsonFault(this.#line, this.#strange())
    this.#at += token.length
    return token
  }

  #strange(): string {
    const rest = this.#text.slice(this.#at, this.#at + 20)
    return rest === '' ? 'the text ends too early' : `${JSON.stringify(rest)} is not JSON`
  }

  #skip(): void {
    SPACE.lastIndex = this.#at
    const [space = ''] = SPACE.exec(this.#text) ?? []
    for (const character of space) if (character === '\n') this.#line += 1
    this.#at += space.length
  }
}
