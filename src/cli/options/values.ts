import { InvalidArgumentError } from 'commander'
import { MOST_RATE } from '../../bus/contract/options.js'
import type { Rate } from '../../bus/contract/subscription-request.js'
import { milliseconds } from '../../host/process/settings.js'

/**
 * These read the values of options.
 *
 * @throws InvalidArgumentError, which commander puts into a line
 */
export function count(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('Give a whole number, 1 or more.')
  return Number(text)
}

/** In milliseconds. */
export function seconds(text: string): number {
  try {
    return milliseconds(text)
  } catch {
    throw new InvalidArgumentError('Give a number of seconds, such as 5 or 0.5.')
  }
}

/** Looks have some time between them. In milliseconds. */
export function interval(text: string): number {
  const ms = seconds(text)
  if (ms < 100 || ms > 86_400_000) throw new InvalidArgumentError('Give 0.1 seconds to a day.')
  return ms
}

/** A payload's size, within the default limit of a host. */
export function bytes(text: string): number {
  const size = count(text)
  if (size < 8 || size > 1024 * 1024) throw new InvalidArgumentError('Give 8 to 1,048,576 bytes.')
  return size
}

/** An option that may repeat: all of its values. */
export function every(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text]
}

/** A time of day with its date. */
export function moment(text: string): Date {
  const isDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/.test(text)
  const time = isDate ? new Date(text) : new Date(NaN)
  if (Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('Give a time with its zone, such as 2027-01-31T12:00:00Z.')
  return time
}

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A moment to come: a date, or a time from now such as `90d`. As ISO text. */
export function expiry(text: string): string {
  const [, number, unit] = /^([1-9]\d{0,5})([mhd])$/.exec(text) ?? []
  const isDate = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?$/.test(text)
  const time =
    number === undefined
      ? isDate
        ? Date.parse(text)
        : NaN
      : Date.now() + Number(number) * UNITS[unit as keyof typeof UNITS]
  if (Number.isNaN(time) || time <= Date.now() || time > 8.64e15)
    throw new InvalidArgumentError('Give a time to come, such as 90d, 12h, 30m or 2027-01-31T12:00:00Z.')
  return new Date(time).toISOString()
}

/** `100/1s`: messages and a time, in ms, s, m or h. */
export function rate(text: string): Rate {
  const [, messages, time, unit] = /^(\d{1,6})\/(\d{1,9})(ms|s|m|h)$/.exec(text) ?? []
  const per = Number(time) * UNITS[(unit ?? 's') as keyof typeof UNITS]
  if (messages === undefined || Number(messages) < 1 || Number(messages) > MOST_RATE || !(per >= 1))
    throw new InvalidArgumentError(
      'Give messages and a time, such as 100/1s or 5/10m: 1 to 100,000 messages; ms, s, m or h.',
    )
  return { messages: Number(messages), per }
}
