/** By what a connection failed, in the words of Node and `ws`. A browser says nothing. */
interface Failure {
  readonly message: string
  readonly code: string
}

/** A certificate by somebody whom nobody here knows, in the words of OpenSSL. */
const BY_STRANGER = /SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE/

/** Why a host cannot be reached, and what to do about it, as far as either is known: goes on after its URL. */
export function whyUnreachable(url: string, cause: object): string {
  const failure = failureOf(cause)
  const reason = failure === undefined ? '' : reasonOf(url, failure)
  return reason === '' ? 'cannot be reached' : `cannot be reached: ${reason}`
}

function reasonOf(url: string, { message, code }: Failure): string {
  const status = /^Unexpected server response: (\d+)$/.exec(message)?.[1]
  if (status === '426') return 'it speaks TLS only, use https:// (HTTP 426)'
  if (status === '400' || status === '403')
    return `it lets nobody in now, or it is no msgvan host (HTTP ${status})`
  if (status !== undefined) return `what answers there is no msgvan host (HTTP ${status})`
  if (code.startsWith('HPE_')) return `what answers there speaks no HTTP, so it is no msgvan host (${code})`
  if (url.startsWith('https:')) return reasonOfTls(code, message)
  return REASONS[code] ?? message
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (ECONNREFUSED)',
  ECONNRESET: 'the other side cut the connection off (ECONNRESET)',
  ENOTFOUND: 'there is no host of that name (ENOTFOUND)',
  EAI_AGAIN: 'its name cannot be looked up now (EAI_AGAIN)',
  ETIMEDOUT: 'nothing comes back from there (ETIMEDOUT)',
  EHOSTUNREACH: 'there is no way to that address (EHOSTUNREACH)',
  ENETUNREACH: 'there is no way to that network (ENETUNREACH)',
}

function reasonOfTls(code: string, message: string): string {
  if (BY_STRANGER.test(code))
    return `${message}: its certificate is by nobody who is trusted here. Give it, or that of whoever signed it: the option ca, or for a host --tls-ca FILE (MSGVAN_TLS_CA)`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `${message}: reach it by a name or address that its certificate is for`
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) return `it does not speak TLS, use http:// (${code})`
  return REASONS[code] ?? message
}

function failureOf(cause: object): Failure | undefined {
  const { description, message } = cause as {
    message?: unknown
    description?: { message?: unknown; error?: { code?: unknown } }
  }
  const said = description?.message
  if (typeof said === 'string') {
    const code = description?.error?.code
    return { message: said, code: typeof code === 'string' ? code : '' }
  }
  return message === 'timeout' ? { message: 'nothing comes back from there in time', code: '' } : undefined
}
