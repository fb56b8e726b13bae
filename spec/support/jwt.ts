import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

/** An issuer of JWTs, with a key of its own. */
export class Issuer {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject

  constructor(readonly kid = 'one') {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.privateKey = privateKey
    this.publicKey = publicKey
  }

  get jwk(): object {
    return { ...this.publicKey.export({ format: 'jwk' }), kid: this.kid, use: 'sig' }
  }

  get pem(): string {
    return this.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  }

  /** @param header in place of that of its key */
  issue(claims: object, header: object = {}): string {
    const signed = unsigned(claims, { alg: 'ES256', kid: this.kid, ...header })
    const key = { key: this.privateKey, dsaEncoding: 'ieee-p1363' as const }
    return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`
  }
}

/** The first two parts. */
export function unsigned(claims: object, header: object): string {
  return [header, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
}
