import { CommanderError } from 'commander'
import { GOES_ON } from '../client/connection/outage.js'
import {
  CommandError,
  describe,
  InvalidOptionError,
  InvalidPatternError,
  InvalidPayloadError,
  InvalidTopicError,
  MsgvanError,
} from '../errors.js'

/** The exit codes. A command that a signal ended exits with 128 + the signal's number, as shells expect. */
export enum Exit {
  Done = 0,
  Error = 1,
  Usage = 2,
  Timeout = 3,
}

/** An error's one line for the terminal; undefined if it was reported already. */
export function lineOf(error: unknown): string | undefined {
  if (error instanceof CommanderError) return undefined // commander prints its own, by `outputError`
  // The command ends, and its bus with it.
  if (error instanceof MsgvanError) return oneLine(`${error.message.replace(GOES_ON, '')} (${error.code})`)
  return lineOf(new CommandError(describe(error)))
}

export function exitOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? Exit.Done : Exit.Usage
  const usage = [InvalidOptionError, InvalidTopicError, InvalidPatternError, InvalidPayloadError].some(
    kind => error instanceof kind,
  )
  return usage ? Exit.Usage : Exit.Error
}

export function oneLine(text: string): string {
  return text.trim().replace(/\s*[\r\n]+\s*/g, ' ')
}
