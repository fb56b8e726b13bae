import { AuthError } from '../../errors.js'
import type { Principals } from '../rights/principals.js'
import type { Admission } from './admission.js'
import type { Session } from './session.js'

/** Ends sessions whose token has expired or was taken away. */
export function expelRevoked(
  principals: Pick<Principals, 'holds'>,
  sessions: Iterable<Session>,
  admission: Pick<Admission, 'expel'>,
): void {
  for (const session of [...sessions]) {
    const { access, van } = session
    if (access === undefined || principals.holds(access, van.name)) continue
    admission.expel(
      session,
      new AuthError(
        `The token of ${access.principal.name} was revoked or has expired, or may not enter the van ${van.name} any more.`,
      ),
    )
  }
}
