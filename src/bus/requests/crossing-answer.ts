import { errorFromCode, MsgvanError, RemoteError } from '../../errors.js'
import type { Message } from '../../message/message.js'
import { crossed, crossing } from '../actors/crossing-error.js'
import { CODE, reasonIn } from './request-messages.js'

/** The error as it crosses, and without its cause if that cannot be carried. */
export function errorPayloads(error: unknown): {
  readonly code: string
  readonly payloads: readonly unknown[]
} {
  const code = error instanceof MsgvanError ? error.code : 'MSGVAN_REMOTE'
  const full = { ...crossing(error), code: codeOf(error) }
  return { code, payloads: [full, { error: full.error, code: full.code }] }
}

/** The error that came in place of an answer: one of msgvan in its own class, any other as the cause of a RemoteError. */
export function answerError(message: Message): MsgvanError {
  const reason = reasonIn(message.headers)
  const { error, cause } =
    reason === undefined
      ? crossed(message, 'The responder failed without a reason.')
      : { error: reason, cause: undefined }
  const code = message.headers[CODE] ?? 'MSGVAN_REMOTE'
  if (code === 'MSGVAN_REMOTE') return new RemoteError(error, { cause: withCode(cause, message) })
  const made = errorFromCode(code, error)
  const inner: unknown = cause instanceof Error ? cause.cause : undefined
  if (inner !== undefined && made.cause === undefined)
    Object.defineProperty(made, 'cause', { value: inner, writable: true, configurable: true })
  return made
}

/** An error's own `code`, which a copy of it does not have. */
function codeOf(error: unknown): string | number | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  const { code } = error
  return typeof code === 'string' || typeof code === 'number' ? code : undefined
}

function withCode(cause: unknown, message: Message): unknown {
  const { payload } = message
  if (!(cause instanceof Error) || 'code' in cause) return cause
  if (typeof payload !== 'object' || payload === null || !('code' in payload)) return cause
  return payload.code === undefined ? cause : Object.assign(cause, { code: payload.code })
}
