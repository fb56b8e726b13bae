import { watch, type FSWatcher } from 'node:fs'
import type { SchedulerLike } from 'rxjs'
import { basename, dirname } from 'node:path'
import { monotonicScheduler } from '../../broker/clock/monotonic-scheduler.js'
import { Timers } from '../../broker/clock/timers.js'
import type { Sight } from '../../bus/contract/sight.js'
import type { VanStatus } from '../../bus/contract/status.js'
import { AuthError, describe } from '../../errors.js'
import type { ClientCertificate } from './credentials/certificate.js'
import { CredentialFiles } from './credentials/credential-files.js'
import { readVersion, versionOf } from './credentials/guarded-file.js'
import { isValid, loginByCertificate, loginByJwt, type Login } from './credentials/logins.js'
import type { PrincipalDefinition, Right, TokenCredential } from './definition.js'
import { Denials } from './denials.js'
import { noSight, Principal } from './principal.js'
import { readPrincipals } from './principals-file.js'

/** How often it is looked whether the file has changed and whether a token has expired. */
const LOOK_MS = 400
/** The file may be good, and one that it names may not be. */
const RETRY_MS = 5_000

/** The principals in a status with bytes that wait. */
const MOST_SHOWN = 20

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
  /** Keys and authorities that the file names. */
  #files = new CredentialFiles()
  #asksForCertificates = false
  #owner: PrincipalsOwner | undefined
  #timer: NodeJS.Timeout | undefined
  #watcher: FSWatcher | undefined
  /** Tells one version of the file from the next. */
  #version = ''
  #isReading = false
  #warned = ''
  #retryAt = Infinity

  private constructor(file: string, log: PrincipalsLog, scheduler: SchedulerLike) {
    this.file = file
    this.#log = log
    this.#timers = new Timers(scheduler)
    this.#denials = new Denials(text => log.warn(text))
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
    const made = new Principals(file, log, scheduler)
    await made.#read()
    return made
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

  /** Denials by right, and by principal refusals by limits, and bytes that wait. Those without one are left out. */
  get refusedSoFar(): Required<Pick<VanStatus, 'denied' | 'limited' | 'waiting'>> {
    const all = [...this.#byName.values()]
    const limited = all.flatMap(({ name, refused: { counts } }) =>
      Object.keys(counts).length > 0 ? [[name, counts] as const] : [],
    )
    const waiting = all.flatMap(({ name, memory: { budget } }) =>
      budget.bytes > 0 && budget.max < Infinity
        ? [[name, { bytes: budget.bytes, max: budget.max }] as const]
        : [],
    )
    waiting.sort(([, one], [, other]) => other.bytes / other.max - one.bytes / one.max)
    return {
      denied: this.#denials.counts,
      limited: Object.fromEntries(limited),
      waiting: Object.fromEntries(waiting.slice(0, MOST_SHOWN)),
    }
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

  /** Rejects with AuthError. */
  async byJwt(text: string): Promise<Login> {
    const login = await loginByJwt(text, this.#byName.values(), this.#files)
    // The file may have changed meanwhile.
    if (this.#isIn(login)) return login
    throw new AuthError('The JWT has expired, or this host takes it no longer.')
  }

  /** @throws AuthError */
  byCertificate(certificate: ClientCertificate): Login {
    return loginByCertificate(certificate, this.#byName.values(), this.#files)
  }

  /** The authorities for certificates of clients; undefined: no principal has a certificate, so none is asked for. */
  get authorities(): readonly string[] | undefined {
    return this.#asksForCertificates ? this.#files.pems : undefined
  }

  /** Whether a client that came in by it may stay in this van. */
  holds({ principal, token }: Access, van: string): boolean {
    return this.#isIn({ principal, token }) && principal.allows('vans', van)
  }

  #isIn({ principal, token }: Pick<Access, 'principal' | 'token'>): boolean {
    const isSame = this.#byName.get(principal.name) === principal
    return isSame && (token === undefined || isValid({ principal, token }, this.#files))
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
    const isDue = performance.now() >= this.#retryAt
    if (version === this.#version && !isDue && !(await this.#files.haveChanged())) return
    let renewed: readonly string[]
    try {
      renewed = await this.#read()
    } catch (error) {
      this.#version = version
      this.#retryAt = performance.now() + RETRY_MS
      this.#warnOnce(`the principals stay as they were: ${describe(error)}`)
      return
    }
    this.#log.info(`read ${this.file} anew: ${this.#byName.size} principals`)
    this.#owner?.changed(renewed)
  }

  /** @throws InvalidOptionError, AuthError: then nothing has changed */
  async #read(): Promise<string[]> {
    const { text, version } = await readVersion(this.file)
    const definitions = readPrincipals(text, this.file)
    const files = await CredentialFiles.of(definitions.values())
    this.#files = files
    this.#version = version
    this.#warned = ''
    this.#retryAt = Infinity
    this.#asksForCertificates = [...definitions.values()].some(({ credentials }) =>
      credentials.some(({ kind }) => kind === 'certificate'),
    )
    return this.#take(definitions)
  }

  /** A bad file is read again and again. */
  #warnOnce(text: string): void {
    if (text === this.#warned) return
    this.#warned = text
    this.#log.warn(text)
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
