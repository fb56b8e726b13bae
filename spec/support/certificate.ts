import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Certificate {
  readonly cert: string
  readonly key: string
  /** What is in `cert`: whoever believes it believes itself. */
  readonly pem: string
}

/** A new one for these addresses, in PEM files in that folder. */
export async function certificateFor(
  folder: string,
  addresses: readonly string[],
  kind: 'ec' | 'rsa' = 'ec',
): Promise<Certificate> {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const names = addresses.map(address => `IP:${address}`).join(',')
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-nodes', '-days', '2'],
    ...(kind === 'rsa'
      ? ['-newkey', 'rsa:2048']
      : ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']),
    ...['-subj', '/CN=msgvan spec', '-addext', `subjectAltName=${names}`, '-out', cert, '-keyout', key],
  ])
  return { cert, key, pem: await readFile(cert, 'utf8') }
}
