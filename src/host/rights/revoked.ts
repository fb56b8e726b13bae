import { AuthError } from '../../errors.js'
import type { Access, Principals } from './principals.js'

/** A client inside, as far as its rights go. */
interface Inside {
  /** Undefined: it may do everything. */
  readonly access: Access | undefined
  readonly van: { readonly name: string }
}

/** Ends sessions whose token has expired or was taken away. */
export function expelRevoked<Session extends Inside>(
  principals: Pick<Principals, 'holds'>,
  sessions: Iterable<Session>,
  expel: (session: Session, error: AuthError) => void,
): void {
  for (const session of [...sessions]) {
    const { access, van } = session
    if (access === undefined || principals.holds(access, van.name)) continue
    const { name } = access.principal
    expel(
      session,
      new AuthError(
        `The token of ${name} was revoked or has expired, or may not enter the van ${van.name} any more.`,
      ),
    )
  }
}
