import type { RuleLists } from '../../bus/contract/sight.js'
import type { PrincipalLimits } from '../limits/definition.js'
import type { StoredToken } from '../../wire/scram.js'

/** Rights that are lists of regular expressions, and what each expression matches. */
export const RULE_RIGHTS = {
  publish: 'topics',
  subscribe: 'topics',
  names: 'names of subscriptions',
  deadLetters: 'names of subscriptions',
  expose: 'names of remote observables',
  observe: 'names of remote observables',
} as const

/** Rights that are lists of folders, from which modules may be loaded. */
export const ROOT_RIGHTS = ['actors', 'handlers'] as const
/** Rights that a principal has or has not. */
export const FLAG_RIGHTS = ['join', 'admin'] as const

export type RuleRight = keyof typeof RULE_RIGHTS
export type RootRight = (typeof ROOT_RIGHTS)[number]
export type FlagRight = (typeof FLAG_RIGHTS)[number]
/** `vans`: to enter a van. */
export type Right = RuleRight | RootRight | FlagRight | 'vans'

export const ruleRights = Object.keys(RULE_RIGHTS) as readonly RuleRight[]

interface Expiring {
  /** Tells it from others of its principal. */
  readonly id: string
  /** In milliseconds since 1970; Infinity: never. */
  readonly expires: number
}

/** A token of a principal: nothing of it logs in. */
export interface TokenCredential extends StoredToken, Expiring {
  readonly kind: 'token'
}

/** The certificate of a client of TLS: this very one, or each with that subject of that authority. */
export interface CertificateCredential extends Expiring {
  readonly kind: 'certificate'
  /** SHA-256, in upper hex with colons. */
  readonly fingerprint?: string
  /** Such as `O=Acme, CN=orders`. */
  readonly subject?: string
  /** With `subject`: the file of its authority, PEM. */
  readonly ca?: string
}

/** JWTs of an issuer. */
export interface JwtCredential extends Expiring {
  readonly kind: 'jwt'
  readonly issuer: string
  readonly audience: string
  /** The file of the issuer's public keys: a JWKS, a JWK, or PEM. */
  readonly keys: string
  /** Claims that such a JWT has. */
  readonly claims: readonly (readonly [name: string, value: string | number | boolean])[]
}

export type Credential = TokenCredential | CertificateCredential | JwtCredential

/** One principal, as the file has it. A missing right allows nothing. */
export interface PrincipalDefinition {
  readonly name: string
  readonly credentials: readonly Credential[]
  readonly vans: RuleLists
  readonly rules: Readonly<Record<RuleRight, RuleLists>>
  /** Undefined: it reaches no actor at all. */
  readonly roots: Readonly<Record<RootRight, readonly string[] | undefined>>
  readonly flags: Readonly<Record<FlagRight, boolean>>
  /** Undefined: it has none. */
  readonly limits: PrincipalLimits | undefined
}
