import { describe } from '../../errors.js'
import type { Message } from '../../message/message.js'

/** An error as a payload: its text, and the error itself if it can cross. */
export interface Crossing {
  readonly error: string
  readonly cause?: unknown
}

/** Makes the payload of an error. */
export function crossing(error: unknown): Crossing {
  const text = error instanceof Error && error.message !== '' ? error.message : describe(error)
  return { error: text, cause: error }
}

/**
 * Reads the error of a payload.
 *
 * @param otherwise the text for an error without one
 */
export function crossed(message: Message, otherwise: string): Crossing {
  try {
    const { payload } = message
    if (
      typeof payload === 'object' &&
      payload !== null &&
      'error' in payload &&
      typeof payload.error === 'string'
    )
      return { error: payload.error, cause: 'cause' in payload ? payload.cause : undefined }
    return { error: otherwise, cause: payload }
  } catch (error) {
    return { error: describe(error), cause: error }
  }
}
