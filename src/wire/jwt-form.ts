import { fromBase64Url } from './principal-token.js'

/** A host reads no larger message before the proof. */
export const MAX_JWT = 3_500
const FORM = /^([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

/** By its form: three parts in base64url, the first one an object with `alg`. */
export function isJwt(token: string): boolean {
  const [, header] = FORM.exec(token) ?? []
  if (header === undefined) return false
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(fromBase64Url(header)))
    return typeof value === 'object' && value !== null && 'alg' in value
  } catch {
    return false
  }
}
