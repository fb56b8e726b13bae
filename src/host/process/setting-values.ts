import { isIP } from 'node:net'
import { delimiter, resolve } from 'node:path'
import { InvalidOptionError } from '../../errors.js'
import { isUtf8 } from '../../message/well-formed.js'

export const DEFAULT_PORT = 1900

/** A whole port number, as an option of `van()` or as text. */
export function port(value: string | number): number {
  const number = typeof value === 'number' ? value : wholeNumber(value)
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw no('a port is a whole number from 1 to 65535')
  return number
}

/** A value in seconds, whole or not, as milliseconds. */
export function milliseconds(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN
  if (!(seconds <= 1e10)) throw no('a number of seconds, such as 5 or 0.5')
  return Math.round(seconds * 1000)
}

function no(text: string): InvalidOptionError {
  return new InvalidOptionError(text)
}

function wholeNumber(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : NaN
}

/** An address to listen on. @throws InvalidOptionError */
export function listenAddress(text: string): string {
  if (text === 'localhost') return '127.0.0.1'
  if (isIP(text) === 0) throw no('an IP address of this machine, 0.0.0.0 or :: for all of them')
  return text
}

/** An address of this machine's own, `host` or `host:port`. @throws InvalidOptionError */
export function listenAt(text: string): { readonly listen: string; readonly port: number | undefined } {
  if (isIP(text) === 6) return { listen: text, port: undefined }
  const { hostname, port: number } = new URL(leaderUrl(text, undefined))
  const hasPort = /:\d+$/.test(text)
  return { listen: hostname.replace(/^\[|\]$/g, ''), port: hasPort ? Number(number || 80) : undefined }
}

/**
 * `host`, `host:port`, `[v6]:port`, or a URL with `http` or `https`.
 *
 * @param ca the certificates that prove the leader: with them, an address without a scheme means TLS
 */
export function leaderUrl(text: string, ca: string | undefined = process.env['MSGVAN_TLS_CA']): string {
  const hasScheme = /^https?:\/\//.test(text)
  const bare = isIP(text) === 6 ? `[${text}]` : text
  const shape = no('the address of a leader, such as 10.0.0.5 or 10.0.0.5:1900')
  let url: URL
  try {
    url = new URL(hasScheme ? text : `${ca === undefined || ca === '' ? 'http' : 'https'}://${bare}`)
  } catch {
    throw shape
  }
  const { hostname, pathname, search, hash, username, password } = url
  if (hostname === '' || pathname !== '/' || `${search}${hash}${username}${password}` !== '') throw shape
  // A URL leaves out the port that its scheme has by default.
  const hasPort = /:\d+\/?$/.test(bare)
  const number = hasPort ? (/:(\d+)\/?$/.exec(bare)?.[1] ?? '') : String(DEFAULT_PORT)
  return `${url.protocol}//${url.hostname}:${port(number)}`
}

export function token(text: string): string {
  if (text.trim() === '') throw no('a token must not be empty')
  return text.trim()
}

export function vanName(text: string): string {
  if (text.length === 0 || text.length > 200) throw no('a van name has 1 to 200 characters')
  return text
}

/** Timers are at most a day long; much under a second, a busy machine would count as a dead peer. */
export function heartbeat(text: string): number {
  const ms = milliseconds(text)
  if (ms < 100 || ms > 86_400_000) throw no('a number of seconds from 0.1 to 86400')
  return ms
}

export function bytes(text: string): number {
  const number = wholeNumber(text)
  if (!(number >= 1 && number <= 1024 ** 3)) throw no('a whole number of bytes, from 1 to 1073741824')
  return number
}

export function manyBytes(text: string): number {
  const number = wholeNumber(text)
  if (!Number.isSafeInteger(number)) throw no('a whole number of bytes')
  return number
}

export function count(text: string): number {
  const number = wholeNumber(text)
  if (!Number.isSafeInteger(number)) throw no('a whole number')
  return number
}

export function folder(text: string): string {
  if (text === '') throw no('a folder')
  return resolve(text)
}

export function words(text: string): string[] {
  return text.split(/[\s,]+/).filter(word => word !== '')
}

export function paths(text: string): string[] {
  return text.split(delimiter).filter(path => path !== '')
}

export function oneOrZero(text: string): boolean {
  if (text !== '1' && text !== '0') throw no('1 or 0')
  return text === '1'
}

export function jsonObject(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw no('a JSON object')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw no('a JSON object')
  if (!Object.keys(value).every(isUtf8)) throw no('a JSON object, of names without half a surrogate pair')
  return value as Record<string, unknown>
}
