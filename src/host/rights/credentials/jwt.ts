import { decodeProtectedHeader } from 'jose/decode/protected_header'
import { JWSSignatureVerificationFailed, JWTClaimValidationFailed, JWTExpired } from 'jose/errors'
import { decodeJwt } from 'jose/jwt/decode'
import { jwtVerify } from 'jose/jwt/verify'
import { AuthError } from '../../../errors.js'
import type { IssuerKey } from './issuer-keys.js'

/** A JWT with a good signature that is valid now. */
export interface VerifiedJwt<Key extends IssuerKey> {
  readonly signer: Key
  readonly audiences: readonly unknown[]
  /** Milliseconds since 1970. */
  readonly expires: number
  readonly claims: Readonly<Record<string, unknown>>
}

/** Clocks of issuer and host may differ by so many seconds. The session ends without it. */
const LEEWAY_SECONDS = 30

/** The issuer that a JWT names, of which nothing is true yet. @throws AuthError */
export function claimedIssuer(text: string): unknown {
  return parsed(() => decodeJwt(text)).iss
}

/**
 * @returns undefined if none of these keys signed it
 * @throws AuthError if it is not valid now, or has no end
 */
export async function verifyJwt<Key extends IssuerKey>(
  text: string,
  keys: readonly Key[],
  now: number,
): Promise<VerifiedJwt<Key> | undefined> {
  const { alg = '', kid } = parsed(() => decodeProtectedHeader(text))
  for (const signer of keys) {
    const isMeant = kid === undefined || signer.id === undefined || signer.id === kid
    if (!isMeant || !signer.algorithms.includes(alg)) continue
    const claims = await claimsSignedBy(signer, text, now)
    if (claims !== undefined) return { signer, ...claims }
  }
  return undefined
}

async function claimsSignedBy({ key, algorithms }: IssuerKey, text: string, now: number) {
  try {
    const { payload } = await jwtVerify(text, key, {
      algorithms: [...algorithms],
      clockTolerance: LEEWAY_SECONDS,
      currentDate: new Date(now),
      requiredClaims: ['exp'],
    })
    const { exp = 0, aud } = payload
    const expires = Math.min(exp * 1_000, Number.MAX_SAFE_INTEGER)
    if (!(expires > now)) throw new JWTExpired('expired', payload)
    return { claims: payload, audiences: [aud].flat(), expires }
  } catch (error) {
    if (error instanceof JWSSignatureVerificationFailed) return undefined
    throw new AuthError(reasonOf(error), { cause: error })
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof JWTExpired) return 'The JWT has expired. Get a new one.'
  if (!(error instanceof JWTClaimValidationFailed)) return 'This host cannot read the JWT.'
  if (error.claim === 'exp') return 'The JWT has no expiry (`exp`).'
  return `The JWT is not valid yet (\`${error.claim}\`).`
}

function parsed<T>(parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    throw new AuthError('The token is not a JWT.', { cause })
  }
}
