import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { SchedulerLike } from 'rxjs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tokenCredential } from '../../src/client/connection/credential.js'
import { Principals } from '../../src/host/rights/principals.js'
import type { HostServer, HostServerOptions } from '../../src/host/listen/server.js'
import { newPrincipalToken, readPrincipalToken } from '../../src/wire/principal-token.js'
import { storedToken, type StoredToken } from '../../src/wire/scram.js'
import type { HandedOver } from '../../src/host/hand-over/read.js'
import { handOver } from './hand-over.js'
import { clientOf, startServer, type Client } from './host-server.js'

/** The rights of a principal, as the file has them. */
export type Rights = Readonly<Record<string, unknown>>

/** A file of principals, each with one token. */
export class PrincipalsFile {
  readonly folder = mkdtempSync(join(tmpdir(), 'msgvan-principals-'))
  readonly file = join(this.folder, 'principals.json')
  readonly tokens = new Map<string, string>()
  readonly #stored = new Map<string, StoredToken>()
  #principals: Record<string, object> = {}

  static async of(all: Readonly<Record<string, Rights>>): Promise<PrincipalsFile> {
    const made = new PrincipalsFile()
    for (const [name, rights] of Object.entries(all)) await made.add(name, rights)
    made.write()
    return made
  }

  /** @param expires of its token */
  async add(name: string, rights: Rights, expires?: Date): Promise<void> {
    if (!this.tokens.has(name)) {
      const token = newPrincipalToken(name)
      this.tokens.set(name, token)
      const read = readPrincipalToken(token)
      if (read === undefined) throw new Error('no token')
      this.#stored.set(name, await storedToken(read))
    }
    const { id, ...stored } = this.#stored.get(name) as StoredToken
    const until = expires === undefined ? {} : { expires: expires.toISOString() }
    this.#principals[name] = {
      vans: ['default'],
      credentials: [{ token: id, ...stored, ...until }],
      ...rights,
    }
  }

  /** In place of a token. */
  give(name: string, credentials: readonly object[], rights: Rights): void {
    this.#principals[name] = { vans: ['default'], credentials, ...rights }
  }

  remove(name: string): void {
    this.#principals = Object.fromEntries(Object.entries(this.#principals).filter(([key]) => key !== name))
  }

  /** Written aside, and renamed. */
  write(text = JSON.stringify({ principals: this.#principals }, undefined, 2)): void {
    const aside = `${this.file}.new`
    writeFileSync(aside, text)
    chmodSync(aside, 0o600)
    renameSync(aside, this.file)
  }

  clean(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** A host with principals, and their clients. */
export class GuardedHost {
  readonly #clients: Client[] = []
  readonly logged: string[] = []
  readonly #options: (generation: number) => Partial<HostServerOptions>
  #generation = 0
  #principals: Principals | undefined
  #server: HostServer | undefined

  private constructor(
    readonly file: PrincipalsFile,
    options: (generation: number) => Partial<HostServerOptions>,
    private readonly scheduler?: SchedulerLike,
  ) {
    this.#options = options
  }

  /**
   * @param options of the host, and of each that takes its place
   * @param scheduler of the rates of publishes
   */
  static async with(
    all: Readonly<Record<string, Rights>>,
    options: Partial<HostServerOptions> | ((generation: number) => Partial<HostServerOptions>) = {},
    scheduler?: SchedulerLike,
  ): Promise<GuardedHost> {
    const file = await PrincipalsFile.of(all)
    const host = new GuardedHost(file, typeof options === 'function' ? options : () => options, scheduler)
    await host.#start(0)
    return host
  }

  get principals(): Principals {
    if (this.#principals === undefined) throw new Error('there are no principals')
    return this.#principals
  }

  get server(): HostServer {
    if (this.#server === undefined) throw new Error('there is no host')
    return this.#server
  }

  /**
   * Another host takes its place, and its memory.
   *
   * @param id of this host
   * @param between called when this one has ended
   */
  handOver(id = 'spec', between: () => void | Promise<void> = () => undefined): Promise<HandedOver> {
    const { port } = this.server
    return handOver(this.server, id, async () => {
      this.principals.close()
      await between()
      return this.#start(port, { awaitsServices: true })
    })
  }

  /** Another host takes its place, with nothing of its memory. */
  async restart(between: () => void | Promise<void> = () => undefined): Promise<void> {
    const { port } = this.server
    await this.server.close()
    this.principals.close()
    await between()
    await this.#start(port)
  }

  async #start(port: number, more: Partial<HostServerOptions> = {}): Promise<HostServer> {
    const log = (text: string): void => void this.logged.push(text)
    const principals = await Principals.open(this.file.file, { warn: log, info: log }, this.scheduler)
    this.#principals = principals
    this.#server = await startServer({ port, principals, ...this.#options(this.#generation), ...more })
    this.#generation += 1
    return this.#server
  }

  /** A client of this principal; undefined: of this machine's user. */
  client(name: string | undefined, options: Parameters<typeof clientOf>[1] = {}): Client {
    const token = name === undefined ? undefined : this.file.tokens.get(name)
    const secret = token === undefined ? {} : { secret: () => tokenCredential(token) }
    const client = clientOf(this.server.port, { ...secret, ...options })
    this.#clients.push(client)
    return client
  }

  async close(): Promise<void> {
    for (const { bus } of this.#clients) await bus.close({ drain: false })
    this.principals.close()
    await this.server.close()
    this.file.clean()
  }
}
