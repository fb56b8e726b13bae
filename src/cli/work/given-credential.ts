import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { describe, InvalidOptionError } from '../../errors.js'
import { readCertificate } from '../../host/rights/credentials/certificate.js'

/** The options of `principals add` for a credential other than a token. */
export interface CredentialOptions {
  readonly certificate?: string
  readonly certificateSubject?: string
  readonly certificateCa?: string
  readonly jwtIssuer?: string
  readonly jwtAudience?: string
  readonly jwtKeys?: string
  readonly jwtClaim?: readonly string[]
}

/**
 * @returns the credential as the file has it; undefined: a token is wanted
 * @throws InvalidOptionError
 */
export async function givenCredential(options: CredentialOptions): Promise<object | undefined> {
  const { certificate, certificateSubject, certificateCa, jwtIssuer, jwtAudience, jwtKeys, jwtClaim } =
    options
  const kinds = [
    [certificate],
    [certificateSubject, certificateCa],
    [jwtIssuer, jwtAudience, jwtKeys, jwtClaim],
  ].filter(parts => parts.some(part => part !== undefined))
  if (kinds.length === 0) return undefined
  if (kinds.length > 1)
    throw new InvalidOptionError('Give one certificate, or one issuer of JWTs, at a time.')
  if (certificate !== undefined) return { certificate: { fingerprint: await fingerprintOf(certificate) } }
  if (certificateSubject !== undefined && certificateCa !== undefined)
    return { certificate: { subject: certificateSubject, ca: resolve(certificateCa) } }
  if (jwtIssuer !== undefined && jwtAudience !== undefined && jwtKeys !== undefined)
    return {
      jwt: {
        ...{ issuer: jwtIssuer, audience: jwtAudience, keys: resolve(jwtKeys) },
        ...(jwtClaim === undefined ? {} : { claims: Object.fromEntries(jwtClaim.map(claimOf)) }),
      },
    }
  throw new InvalidOptionError(
    'These belong together: --certificate-subject and --certificate-ca; --jwt-issuer, --jwt-audience and --jwt-keys.',
  )
}

async function fingerprintOf(file: string): Promise<string> {
  try {
    return readCertificate(await readFile(file, 'utf8')).fingerprint
  } catch (cause) {
    throw new InvalidOptionError(`--certificate: ${file} cannot be used: ${describe(cause)}`, { cause })
  }
}

function claimOf(text: string): readonly [string, string] {
  const at = text.indexOf('=')
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)]
  throw new InvalidOptionError(`--jwt-claim is such as role=orders; this is ${JSON.stringify(text)}.`)
}
