import { watch, type FSWatcher } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import type { SchedulerLike } from 'rxjs'
import { basename, dirname } from 'node:path'
import { monotonicScheduler } from '../../broker/clock/monotonic-scheduler.js'
import { Timers } from '../../broker/clock/timers.js'
import type { Sight } from '../../bus/contract/sight.js'
import { AuthError, describe, InvalidOptionError } from '../../errors.js'
import type { PrincipalDefinition, Right, TokenCredential } from './definition.js'
import { Denials } from './denials.js'
import { noSight, Principal } from './principal.js'
import { readPrincipals } from './principals-file.js'

/** How often it is looked whether the file has changed and whether a token has expired. */
const LOOK_MS = 400
const MOST_BYTES = 16 * 1024 * 1024

/** The rights of a client: those of a principal. */
export interface Access {
  readonly principal: Principal
  /** The id of its token. Undefined: it is a worker of this host, which runs code of that principal. */
  readonly token: string | undefined
  /** Of an actor's worker: its own mailbox. */
  readonly mailbox?: string | undefined
}

/** Actions of a host when rights may have changed. */
export interface PrincipalsOwner {
  /** The file has changed. @param principals those that are new, gone or have other rights */
  changed(principals: readonly string[]): void
  /** Looks for clients whose access has ended. Called often. */
  look(): void
}

export interface PrincipalsLog {
  warn(text: string): void
  info(text: string): void
}

/** The principals of a host, from a file that is read anew when it changes. The last good one stays. */
export class Principals {
  readonly file: string
  readonly #log: PrincipalsLog
  readonly #denials: Denials
  readonly #timers: Timers
  readonly #byName = new Map<string, Principal>()
  #owner: PrincipalsOwner | undefined
  #timer: NodeJS.Timeout | undefined
  #watcher: FSWatcher | undefined
  /** Tells one version of the file from the next. */
  #version: string
  #isReading = false

  private constructor(
    file: string,
    log: PrincipalsLog,
    { text, version }: Version,
    scheduler: SchedulerLike,
  ) {
    this.file = file
    this.#log = log
    this.#timers = new Timers(scheduler)
    this.#denials = new Denials(text => log.warn(text))
    this.#version = version
    this.#take(readPrincipals(text, file))
  }

  /**
   * @param scheduler of the rates of publishes
   * @throws InvalidOptionError, AuthError if others can write the file
   */
  static async open(
    file: string,
    log: PrincipalsLog,
    scheduler: SchedulerLike = monotonicScheduler,
  ): Promise<Principals> {
    return new Principals(file, log, await readVersion(file), scheduler)
  }

  /** Begins to look for changes. */
  watch(owner: PrincipalsOwner): void {
    this.#owner = owner
    this.#timer = setInterval(() => {
      this.#lookAtFile()
      owner.look()
    }, LOOK_MS).unref()
    try {
      // The folder: who writes a file anew renames another one over it.
      this.#watcher = watch(dirname(this.file), { persistent: false }, (_, name) => {
        if (name === null || name === basename(this.file)) this.#lookAtFile()
      }).on('error', () => undefined)
    } catch {
      // Not every file system tells. The timer sees it, too.
    }
  }

  close(): void {
    clearInterval(this.#timer)
    this.#watcher?.close()
    this.#timers.clear()
    this.#owner = undefined
  }

  get size(): number {
    return this.#byName.size
  }

  /** Denials by right, and refusals by limits by principal. Those without one are left out. */
  get refusedSoFar(): {
    readonly denied: Readonly<Record<string, number>>
    readonly limited: Readonly<Record<string, Readonly<Record<string, number>>>>
  } {
    const all = [...this.#byName.values()].map(({ name, refused }) => [name, refused.counts] as const)
    const limited = all.filter(([, counts]) => Object.keys(counts).length > 0)
    return { denied: this.#denials.counts, limited: Object.fromEntries(limited) }
  }

  /** Denials so far, by right. */
  get denied(): Readonly<Partial<Record<Right, number>>> {
    return this.#denials.counts
  }

  get(name: string): Principal | undefined {
    return this.#byName.get(name)
  }

  /** Whether messages with this topic may come to a principal of this name. One that is gone sees nothing. */
  sees(name: string, topic: string): boolean {
    return this.#byName.get(name)?.sees(topic) === true
  }

  /** What that principal may see, for a leader. One that is gone sees nothing. */
  sightOf(name: string): Sight {
    return this.#byName.get(name)?.sight ?? noSight(name)
  }

  /** @returns undefined if the token does not exist, or has expired */
  credential(name: string, token: string): TokenCredential | undefined {
    return this.#byName.get(name)?.token(token)
  }

  /** Whether a client that came in by it may stay in this van. */
  holds({ principal, token }: Access, van: string): boolean {
    const isSame = this.#byName.get(principal.name) === principal
    const isValid = token === undefined || principal.token(token) !== undefined
    return isSame && isValid && principal.allows('vans', van)
  }

  #lookAtFile(): void {
    if (this.#isReading) return
    this.#isReading = true
    void this.#readAgain().finally(() => {
      this.#isReading = false
    })
  }

  async #readAgain(): Promise<void> {
    const version = await versionOf(this.file).catch(() => 'gone')
    if (version === this.#version) return
    this.#version = version
    let renewed: readonly string[]
    try {
      const { text } = await readVersion(this.file)
      renewed = this.#take(readPrincipals(text, this.file))
    } catch (error) {
      this.#log.warn(`the principals stay as they were: ${describe(error)}`)
      return
    }
    this.#log.info(`read ${this.file} anew: ${this.#byName.size} principals`)
    this.#owner?.changed(renewed)
  }

  /** @returns the principals that are new, gone or have other rights */
  #take(definitions: ReadonlyMap<string, PrincipalDefinition>): string[] {
    const changed = [...this.#byName.keys()].filter(name => !definitions.has(name))
    for (const name of changed) this.#byName.delete(name)
    for (const [name, definition] of definitions) {
      const known = this.#byName.get(name)
      if (known === undefined) this.#byName.set(name, new Principal(definition, this.#denials, this.#timers))
      else if (known.is(definition)) continue
      else known.renew(definition)
      changed.push(name)
    }
    return changed
  }
}

interface Version {
  readonly text: string
  /** Differs from that of the file before and after a change. */
  readonly version: string
}

/** @throws InvalidOptionError, AuthError if others can write the file */
export async function readVersion(path: string): Promise<Version> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new InvalidOptionError(`${path} cannot be read: ${describe(cause)}`, { cause })
  })
  try {
    const there = await file.stat()
    if (!there.isFile() || there.size > MOST_BYTES)
      throw new InvalidOptionError(`${path} is not a file of principals.`)
    const isOwn = process.getuid === undefined || there.uid === process.getuid() || there.uid === 0
    if (!isOwn || (process.getuid !== undefined && (there.mode & 0o022) !== 0))
      throw new AuthError(
        `Others can write ${path}, which says who may do what at this host. It must be yours or root's, and for others read-only: chmod go-w ${path}`,
      )
    return { text: await file.readFile('utf8'), version: stamp(there) }
  } finally {
    await file.close()
  }
}

async function versionOf(path: string): Promise<string> {
  return stamp(await stat(path))
}

function stamp({
  ino,
  size,
  mtimeMs,
  ctimeMs,
}: Readonly<Record<'ino' | 'size' | 'mtimeMs' | 'ctimeMs', number>>) {
  return `${ino} ${size} ${mtimeMs} ${ctimeMs}`
}
