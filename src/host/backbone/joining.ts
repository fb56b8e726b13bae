import { createHmac } from 'node:crypto'
import { newId } from '../../message/new-id.js'
import { tokenCredential, type Credential } from '../../client/connection/credential.js'
import type { TlsOptions } from '../../client/connection/dial-socket.js'
import { AuthError } from '../../errors.js'
import type { SessionManagerOptions } from '../session/session-manager.js'
import { isLoopback, type HostSettings } from '../process/settings.js'
import { Follower } from './follower/follower.js'
import { Leader } from './leader/leader.js'

/** The host's own certificate, and those of leaders that it trusts. */
interface TlsFiles {
  readonly identity: { readonly cert: string; readonly key: string } | undefined
  readonly ca: string | undefined
}

/** A token with fewer characters can be guessed. */
const LEAST_TOKEN = 16

/**
 * A host that others reach, or that joins others, needs a token.
 *
 * @param file the place for one
 * @param hasPrincipals others come in by tokens of their own
 * @throws AuthError
 */
export function checkToken(
  settings: HostSettings,
  token: string | undefined,
  file: string,
  hasPrincipals: boolean,
): void {
  const { listen, leader, join } = settings
  // A host with principals does not accept it from clients.
  if (token !== undefined && !hasPrincipals && !isLoopback(listen) && token.length < LEAST_TOKEN)
    throw new AuthError(
      `A host listens beyond loopback (${listen}) only with a token of at least ${LEAST_TOKEN} characters: everyone who reaches the port can guess a shorter one. ` +
        'Make one: openssl rand -hex 32',
    )
  if (token !== undefined) return
  const how = `Set MSGVAN_TOKEN, give --token, or write one into ${file} (mode 600)`
  if (!isLoopback(listen) && !hasPrincipals) {
    throw new AuthError(
      `A host listens beyond loopback (${listen}) only with a token. Without one, everyone who reaches the port could use it. ` +
        `${how}: openssl rand -hex 32`,
    )
  }
  if (leader && !hasPrincipals)
    throw new AuthError(
      `A host leads only with a token, with which others join it. ${how}: openssl rand -hex 32`,
    )
  if (join !== undefined && !joinsByCertificate(settings))
    throw new AuthError(
      `A host joins a leader with that leader's token, or by TLS with a certificate of its own. ${how}; or give --tls-cert and --tls-key.`,
    )
}

/** A token, if there is one, comes before. */
function joinsByCertificate({ join, tlsCert }: HostSettings): boolean {
  return join?.startsWith('https:') === true && tlsCert !== undefined
}

/** Joins this host to others by its settings. */
export function joining(
  settings: HostSettings,
  { secret, token, tls }: { secret: Uint8Array; token: string | undefined; tls: TlsFiles },
): Pick<SessionManagerOptions, 'backbone' | 'idPrefix'> {
  const { leader, join, port, maxPayload } = settings
  if (!leader && join === undefined) return {}
  const idPrefix = `${newId(3)}-`
  if (join === undefined) return { idPrefix, backbone: options => new Leader(options) }
  const certificate: Credential | undefined = joinsByCertificate(settings)
    ? { kind: 'certificate' }
    : undefined
  const credential = (): Promise<Credential | undefined> =>
    token === undefined ? Promise.resolve(certificate) : tokenCredential(token)
  const seat = createHmac('sha256', secret).update(`seat ${port}`).digest('hex')
  return {
    idPrefix,
    backbone: options =>
      new Follower({ ...options, leader: join, credential, tls: tlsOf(tls), seat, maxPayload }),
  }
}

function tlsOf({ ca, identity }: TlsFiles): TlsOptions {
  return { ...identity, ...(ca === undefined ? {} : { ca }) }
}
