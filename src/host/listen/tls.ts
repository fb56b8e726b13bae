import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { describe, InvalidOptionError } from '../../errors.js'
import type { TlsIdentity } from './listeners.js'
import type { HostSettings } from '../process/settings.js'

/** What a host shows to those who connect, and by whose word it believes those that it connects to. */
export interface TlsFiles {
  readonly identity: TlsIdentity | undefined
  readonly ca: string | undefined
}

/** Read and tried at the start: a certificate that does not fit its key is said then. @throws InvalidOptionError */
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
