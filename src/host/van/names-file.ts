import { appendFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import type { LocalBroker } from '../../broker/local-broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { describe } from '../../errors.js'
import { isRequestPattern } from '../../message/pattern.js'
import { isExposure, MAILBOX } from '../../message/topic.js'
import { decodeRequest, encodeRequest } from '../../wire/frames/subscription-request.js'

export type NamedRequest = SubscriptionRequest & { readonly name: string }

/** A name of a van, with its rules. */
export interface KeptName {
  readonly van: string
  readonly request: NamedRequest
}

/** Records the named subscriptions of a host. */
export interface NameRegister {
  /** The name has these rules from now on; undefined: it is gone. */
  changed(van: string, name: string, rules: SubscriptionRequest | undefined): void
  /** All changes up to now are in the file when it returns. */
  write(): void
}

const MOST_NAMES = 10_000
const MOST_BYTES = 8 * 1024 * 1024
/** The file is written anew when it has more lines than twice the valid ones, plus these. */
const SPARE_LINES = 1_000

/**
 * The names of a host that keeps its messages in memory, with their rules, in a file. After this host's death, the next
 * one reads them before it accepts clients, so that messages for these names wait. One line for each change, each with
 * its checksum; the last line of a name counts. Lines are appended in one call at the end of a turn. They outlive this
 * process, and are not synced: an event that ends the machine ends the clients too.
 */
export class NamesFile implements NameRegister {
  readonly #file: string
  readonly #warn: (text: string) => void
  /** The valid lines of the file, by van and name. */
  readonly #lines = new Map<string, string>()
  #bytes = 0
  #linesInFile = 0
  readonly #changes = new Map<string, string | undefined>()
  #isOpen = false
  #isScheduled = false
  #hasWarned = false

  constructor(file: string, warn: (text: string) => void) {
    this.#file = file
    this.#warn = warn
  }

  /** The names of the previous host. It leaves out torn or damaged lines, and logs that. */
  read(): KeptName[] {
    const names = new Map<string, KeptName | undefined>()
    let damaged = 0
    for (const line of linesOf(this.#file)) {
      const kept = readLine(line)
      if (kept === undefined) damaged += 1
      else names.set(keyOf(kept.van, kept.name), kept.request && { van: kept.van, request: kept.request })
    }
    if (damaged > 0) this.#warn(`${this.#file}: ${damaged} lines are damaged and left out`)
    return [...names.values()].filter(name => name !== undefined)
  }

  /** From now on the file has all valid names, earlier changes first. */
  begin(): void {
    this.#isOpen = true
    this.#apply()
    this.#guard(() => this.#rewrite())
  }

  changed(van: string, name: string, rules: SubscriptionRequest | undefined): void {
    if (!outlivesHost(name, rules)) return
    this.#changes.set(keyOf(van, name), lineOf(van, name, rules))
    if (!this.#isOpen || this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.write()
    })
  }

  write(): void {
    if (!this.#isOpen || this.#changes.size === 0) return
    const lines = this.#apply()
    this.#guard(() => {
      if (this.#linesInFile + lines.length > 2 * this.#lines.size + SPARE_LINES) return this.#rewrite()
      appendFileSync(this.#file, lines.join(''), { mode: 0o600 })
      this.#linesInFile += lines.length
    })
  }

  /**
   * Writes nothing any more.
   *
   * @param forget the next host must not know the names
   */
  end(forget: boolean): void {
    this.#isOpen = false
    this.#changes.clear()
    if (forget) this.#guard(() => rmSync(this.#file, { force: true }))
  }

  /** @returns the lines to append */
  #apply(): string[] {
    const appended: string[] = []
    for (const [key, line] of this.#changes) {
      const before = this.#lines.get(key)
      if (line === before) continue
      const bytes = this.#bytes - (before?.length ?? 0) + (line?.length ?? 0)
      if (
        line !== undefined &&
        (bytes > MOST_BYTES || (before === undefined && this.#lines.size >= MOST_NAMES))
      ) {
        this.#warnOnce(
          `more names than ${MOST_NAMES}, or than ${MOST_BYTES} bytes: the next host will not know the others`,
        )
        continue
      }
      this.#bytes = bytes
      if (line === undefined) this.#lines.delete(key)
      else this.#lines.set(key, line)
      appended.push(line ?? goneLine(key))
    }
    this.#changes.clear()
    return appended
  }

  #rewrite(): void {
    const aside = `${this.#file}.new`
    writeFileSync(aside, [...this.#lines.values()].join(''), { mode: 0o600 })
    renameSync(aside, this.#file)
    this.#linesInFile = this.#lines.size
  }

  #guard(write: () => void): void {
    try {
      write()
    } catch (error) {
      // The next change writes all of it anew, if it can.
      this.#linesInFile = Infinity
      this.#warnOnce(`the names of subscriptions cannot be kept for the next host: ${describe(error)}`)
    }
  }

  #warnOnce(text: string): void {
    if (this.#hasWarned) return
    this.#hasWarned = true
    this.#warn(text)
  }
}

/** Adds the missing ones. It logs those that this version does not accept. */
export function restoreNames(
  server: { broker(van: string): Pick<LocalBroker, 'named' | 'replace'> },
  names: readonly KeptName[],
  warn: (text: string) => void,
): void {
  const there = new Map<string, Set<string>>()
  for (const { van, request } of names) {
    const broker = server.broker(van)
    const taken = there.get(van) ?? new Set(broker.named().map(({ name }) => name))
    there.set(van, taken)
    if (taken.has(request.name)) continue
    try {
      broker.replace(request)
    } catch (error) {
      warn(`the named subscription ${request.name} is gone: ${describe(error)}`)
    }
  }
}

/** A subscription whose consumer comes back: actors, exposures and responders end with a host in memory. */
export function outlivesHost(name: string, rules: Pick<SubscriptionRequest, 'pattern'> | undefined): boolean {
  return !name.startsWith(MAILBOX) && !isExposure(name) && !(rules && isRequestPattern(rules.pattern))
}

const keyOf = (van: string, name: string): string => JSON.stringify([van, name])

function lineOf(van: string, name: string, rules: SubscriptionRequest | undefined): string | undefined {
  if (rules === undefined) return undefined
  return checked({
    van,
    name,
    request: encodeRequest({ ...rules, from: undefined, given: undefined, joins: undefined }),
  })
}

function goneLine(key: string): string {
  const [van, name] = JSON.parse(key) as [string, string]
  return checked({ van, name })
}

function checked(value: object): string {
  const json = JSON.stringify(value)
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`
}

function* linesOf(file: string): Generator<string> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return
  }
  for (const line of text.split('\n')) if (line !== '') yield line
}

function readLine(
  line: string,
): { van: string; name: string; request: NamedRequest | undefined } | undefined {
  const json = line.slice(9)
  if (crc32(json).toString(16).padStart(8, '0') !== line.slice(0, 8)) return undefined
  try {
    const { van, name, request } = JSON.parse(json) as { van: string; name: string; request?: unknown }
    return { van, name, request: request === undefined ? undefined : { ...decodeRequest(request), name } }
  } catch {
    // Its rules are of another version.
    return undefined
  }
}
