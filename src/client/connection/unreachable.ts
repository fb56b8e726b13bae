/** Why a connection failed, in the words of Node and `ws`. A browser gives no reason. */
interface Failure {
  readonly message: string
  readonly code: string
}

/** The certificate has an unknown issuer, in the words of OpenSSL. */
const UNKNOWN_ISSUER = /SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE/

/** Why a host cannot be reached, and what to do about it, if it is known. The text follows the URL. */
export function whyUnreachable(url: string, cause: object): string {
  const failure = failureOf(cause)
  const reason = failure === undefined ? '' : reasonOf(url, failure)
  return reason === '' ? 'cannot be reached' : `cannot be reached: ${reason}`
}

/** The attempt failed since no program listens on that port. */
export function isNothingThere(error: Error | undefined): boolean {
  const { cause } = error ?? {}
  return (
    typeof cause === 'object' &&
    cause !== null &&
    ['ECONNREFUSED', 'ENOENT'].includes(failureOf(cause)?.code ?? '')
  )
}

function reasonOf(url: string, { message, code }: Failure): string {
  const status = /^Unexpected server response: (\d+)$/.exec(message)?.[1]
  if (status === '426') return 'it speaks TLS only, use https:// (HTTP 426)'
  if (status === '400' || status === '403')
    return `it accepts no connections now, or it is not a msgvan host (HTTP ${status})`
  if (status !== undefined) return `the server there is not a msgvan host (HTTP ${status})`
  if (code.startsWith('HPE_'))
    return `the server there does not speak HTTP, so it is not a msgvan host (${code})`
  if (url.startsWith('https:')) return reasonOfTls(code, message)
  return REASONS[code] ?? message
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (ECONNREFUSED)',
  ENOENT: 'its local socket is gone (ENOENT)',
  ECONNRESET: 'the other side closed the connection (ECONNRESET)',
  ENOTFOUND: 'its name is unknown (ENOTFOUND)',
  EAI_AGAIN: 'its name cannot be looked up at the moment (EAI_AGAIN)',
  ETIMEDOUT: 'it did not answer in time (ETIMEDOUT)',
  EHOSTUNREACH: 'there is no route to that address (EHOSTUNREACH)',
  ENETUNREACH: 'there is no route to that network (ENETUNREACH)',
}

function reasonOfTls(code: string, message: string): string {
  if (UNKNOWN_ISSUER.test(code))
    return `${message}: this machine does not trust the issuer of its certificate. Give the certificate, or its issuer's, as the option ca, or for a host as --tls-ca FILE (MSGVAN_TLS_CA)`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `${message}: use a name or address that its certificate lists`
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) return `it does not speak TLS, use http:// (${code})`
  return REASONS[code] ?? message
}

function failureOf(cause: object): Failure | undefined {
  const { description, message } = cause as {
    message?: unknown
    description?: { message?: unknown; error?: { code?: unknown } }
  }
  const text = description?.message
  if (typeof text === 'string') {
    const code = description?.error?.code
    return { message: text, code: typeof code === 'string' ? code : '' }
  }
  return message === 'timeout' ? { message: 'it did not answer in time', code: '' } : undefined
}
