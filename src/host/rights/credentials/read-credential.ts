import { createHash } from 'node:crypto'
import { isAbsolute } from 'node:path'
import type { CertificateCredential, Credential, JwtCredential, TokenCredential } from '../definition.js'
import { JsonFault, membersOf, textOf, type Located, type Members } from '../located-json.js'

/** As openssl prints it: pairs of hex digits, with colons. */
const FINGERPRINT = /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/
const ID_CHARACTERS = 12

/** One credential of the file of principals. @throws JsonFault */
export function readCredential(located: Located): Credential {
  const { value } = located
  if (value instanceof Map && value.has('jwt')) return jwtOf(located)
  if (value instanceof Map && value.has('certificate')) return certificateOf(located)
  return tokenOf(located)
}

function tokenOf(located: Located): TokenCredential {
  const members = membersOf(located, 'A credential', ['token', 'salt', 'storedKey', 'serverKey', 'expires'])
  const base64Url = (key: string, bytes: number): string => {
    const value = members.get(key)
    const length = Math.ceil((bytes * 4) / 3)
    if (typeof value?.value === 'string' && value.value.length === length && /^[\w-]+$/.test(value.value))
      return value.value
    throw new JsonFault(
      value?.line ?? located.line,
      `a credential has ${bytes} bytes in base64url as "${key}". \`msgvan token NAME\` makes one`,
    )
  }
  return {
    kind: 'token',
    id: base64Url('token', 9),
    salt: base64Url('salt', 16),
    storedKey: base64Url('storedKey', 32),
    serverKey: base64Url('serverKey', 32),
    expires: expiryOf(members.get('expires')),
  }
}

function certificateOf(located: Located): CertificateCredential {
  const members = membersOf(located, 'A credential', ['certificate', 'expires'])
  const of = members.get('certificate') as Located
  const parts = membersOf(of, 'A certificate', ['fingerprint', 'subject', 'ca'])
  const expires = expiryOf(members.get('expires'))
  if (parts.has('fingerprint')) {
    const fingerprint = textOf(parts, 'fingerprint', of).toUpperCase()
    if (parts.size > 1 || !FINGERPRINT.test(fingerprint))
      throw new JsonFault(
        of.line,
        'a certificate has as "fingerprint" its SHA-256, 32 pairs of hex digits with colons, and then nothing else; or "subject" and "ca"',
      )
    return { kind: 'certificate', id: idOf('certificate', fingerprint), fingerprint, expires }
  }
  const [subject, ca] = [textOf(parts, 'subject', of), fileOf(parts, 'ca', of)]
  return { kind: 'certificate', id: idOf('certificate', subject, ca), subject, ca, expires }
}

function jwtOf(located: Located): JwtCredential {
  const members = membersOf(located, 'A credential', ['jwt', 'expires'])
  const of = members.get('jwt') as Located
  const parts = membersOf(of, 'A JWT', ['issuer', 'audience', 'keys', 'claims'])
  const [issuer, audience] = [textOf(parts, 'issuer', of), textOf(parts, 'audience', of)]
  const keys = fileOf(parts, 'keys', of)
  const claims = claimsOf(parts.get('claims'))
  const id = idOf('jwt', issuer, audience, keys, JSON.stringify(claims))
  return { kind: 'jwt', id, issuer, audience, keys, claims, expires: expiryOf(members.get('expires')) }
}

function claimsOf(located: Located | undefined): JwtCredential['claims'] {
  if (located === undefined) return []
  return [...membersOf(located, '"claims"')].map(([name, { line, value }]) => {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return [name, value] as const
    throw new JsonFault(line, `the claim ${JSON.stringify(name)} is a text, a number, true or false`)
  })
}

function fileOf(members: Members, key: string, located: Located): string {
  const path = textOf(members, key, located)
  if (isAbsolute(path)) return path
  throw new JsonFault(members.get(key)?.line ?? located.line, `"${key}" is an absolute path of a file`)
}

/** As long as the id of a token. */
function idOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, ID_CHARACTERS)
}

function expiryOf(located: Located | undefined): number {
  if (located === undefined) return Infinity
  const { value, line } = located
  const isDate = typeof value === 'string' && /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?Z)?$/.test(value)
  const time = isDate ? Date.parse(value) : NaN
  if (Number.isNaN(time)) throw new JsonFault(line, '"expires" is a time such as "2027-01-31T12:00:00Z"')
  return time
}
