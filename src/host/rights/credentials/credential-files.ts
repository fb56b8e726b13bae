import { createHash } from 'node:crypto'
import { describe, InvalidOptionError } from '../../../errors.js'
import type { PrincipalDefinition } from '../definition.js'
import { readCertificates } from './certificate.js'
import { readVersion, versionOf } from './guarded-file.js'
import { readIssuerKeys, type IssuerKey } from './issuer-keys.js'

/** A public key of an issuer, with an id of its own. */
export interface KnownKey extends IssuerKey {
  readonly digest: string
}

interface Authority {
  readonly pem: string
  readonly fingerprints: readonly string[]
}

const DIGEST_CHARACTERS = 12

/** The files that a file of principals names: keys of issuers of JWTs, and authorities for certificates. */
export class CredentialFiles {
  readonly #versions = new Map<string, string>()
  readonly #keys = new Map<string, readonly KnownKey[]>()
  readonly #authorities = new Map<string, Authority>()

  /** @throws InvalidOptionError, AuthError if others can write one of them */
  static async of(definitions: Iterable<PrincipalDefinition>): Promise<CredentialFiles> {
    const made = new CredentialFiles()
    for (const { credentials } of definitions)
      for (const credential of credentials) {
        if (credential.kind === 'jwt')
          await made.#read(credential.keys, text => made.#keys.set(credential.keys, knownKeys(text)))
        const ca = credential.kind === 'certificate' ? credential.ca : undefined
        if (ca !== undefined)
          await made.#read(ca, pem => made.#authorities.set(ca, { pem, fingerprints: readCertificates(pem) }))
      }
    return made
  }

  keys(path: string): readonly KnownKey[] {
    return this.#keys.get(path) ?? []
  }

  /** The fingerprints of authorities. */
  authorities(path: string): readonly string[] {
    return this.#authorities.get(path)?.fingerprints ?? []
  }

  /** All certificates of authorities. */
  get pems(): readonly string[] {
    return [...this.#authorities.values()].map(({ pem }) => pem)
  }

  async haveChanged(): Promise<boolean> {
    for (const [path, version] of this.#versions)
      if ((await versionOf(path).catch(() => 'gone')) !== version) return true
    return false
  }

  async #read(path: string, take: (text: string) => void): Promise<void> {
    const { text, version } = await readVersion(path)
    try {
      take(text)
    } catch (cause) {
      throw new InvalidOptionError(`${path} cannot be used: ${describe(cause)}`, { cause })
    }
    this.#versions.set(path, version)
  }
}

function knownKeys(text: string): readonly KnownKey[] {
  return readIssuerKeys(text).map(each => {
    const bytes = each.key.export({ type: 'spki', format: 'der' })
    const digest = createHash('sha256').update(bytes).digest('base64url').slice(0, DIGEST_CHARACTERS)
    return { ...each, digest }
  })
}
