import { X509Certificate } from 'node:crypto'
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'

/** The certificate by which a client came. TLS has proved that the client has its key. */
export interface ClientCertificate {
  /** SHA-256, in upper hex with colons. */
  readonly fingerprint: string
  /** Such as `O=Acme, CN=orders`. */
  readonly subject: string
  /** In milliseconds since 1970. */
  readonly begins: number
  readonly expires: number
  /** The fingerprints of those that issued it, if this host trusts one of them. */
  readonly issuers: readonly string[]
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const LONGEST_CHAIN = 10

/** @returns undefined if the client gave none */
export function certificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return undefined
  return {
    ...outlineOf(certificate),
    issuers: socket.authorized ? issuersOf(socket.getPeerCertificate(true)) : [],
  }
}

/** @throws an Error with the reason */
export function readCertificate(pem: string): Omit<ClientCertificate, 'issuers'> {
  return outlineOf(new X509Certificate(pem))
}

/** @returns the fingerprints of all certificates in a file @throws an Error with the reason */
export function readCertificates(pem: string): readonly string[] {
  const all = [...pem.matchAll(PEM)].map(([each]) => new X509Certificate(each).fingerprint256)
  if (all.length === 0) throw new Error('it has no certificate')
  return all
}

function outlineOf(certificate: X509Certificate): Omit<ClientCertificate, 'issuers'> {
  const { fingerprint256, subject, validFrom, validTo } = certificate
  return {
    fingerprint: fingerprint256,
    // Line breaks and commas in a value are escaped.
    subject: subject.split('\n').join(', '),
    begins: Date.parse(validFrom),
    expires: Date.parse(validTo),
  }
}

function issuersOf(leaf: DetailedPeerCertificate): string[] {
  const found = new Set<string>()
  // The root issued itself.
  for (let each = leaf.issuerCertificate; found.size < LONGEST_CHAIN; each = each.issuerCertificate) {
    if ((each as DetailedPeerCertificate | undefined) === undefined || found.has(each.fingerprint256)) break
    found.add(each.fingerprint256)
  }
  return [...found]
}
