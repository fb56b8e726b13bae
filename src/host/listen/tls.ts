import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { describe, InvalidOptionError } from '../../errors.js'
import type { TlsIdentity } from './tls-front.js'
import type { HostSettings } from '../process/settings.js'

/** A host's own certificate, and the certificates of the leaders that it trusts. */
export interface TlsFiles {
  readonly identity: TlsIdentity | undefined
  readonly ca: string | undefined
}

/**
 * Reads and tries them at the start, so that a certificate that does not fit its key is reported then.
 *
 * @throws InvalidOptionError
 */
export async function readTls({ tlsCert, tlsKey, tlsCa }: HostSettings): Promise<TlsFiles> {
  const [cert, key, ca] = await Promise.all([
    pem('--tls-cert', tlsCert),
    pem('--tls-key', tlsKey),
    pem('--tls-ca', tlsCa),
  ])
  const identity = cert === undefined || key === undefined ? undefined : { cert, key }
  try {
    createSecureContext({ ...identity, ca })
  } catch (cause) {
    throw new InvalidOptionError(`--tls-cert, --tls-key, --tls-ca: ${describe(cause)}`, { cause })
  }
  return { identity, ca }
}

async function pem(flag: string, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new InvalidOptionError(`${flag}: ${path} cannot be read: ${describe(cause)}`, { cause })
  }
}
