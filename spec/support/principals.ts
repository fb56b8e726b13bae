import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tokenCredential } from '../../src/client/connection/credential.js'
import { Principals } from '../../src/host/rights/principals.js'
import type { HostServer, HostServerOptions } from '../../src/host/listen/server.js'
import { newPrincipalToken, readPrincipalToken } from '../../src/wire/principal-token.js'
import { storedToken, type StoredToken } from '../../src/wire/scram.js'
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

  private constructor(
    readonly file: PrincipalsFile,
    readonly principals: Principals,
    readonly server: HostServer,
    readonly logged: readonly string[],
  ) {}

  static async with(
    all: Readonly<Record<string, Rights>>,
    options: Partial<HostServerOptions> = {},
  ): Promise<GuardedHost> {
    const file = await PrincipalsFile.of(all)
    const logged: string[] = []
    const log = {
      warn: (text: string) => void logged.push(text),
      info: (text: string) => void logged.push(text),
    }
    const principals = await Principals.open(file.file, log)
    return new GuardedHost(file, principals, await startServer({ principals, ...options }), logged)
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
