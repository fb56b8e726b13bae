import { OutboxFullError, OverflowError, StoreError, StoreFullError } from '../../errors.js'

/** Whether a leader that refuses a message for this reason may take the same message later. */
export function mayPass(
  error: unknown,
): error is StoreError | StoreFullError | OutboxFullError | OverflowError {
  return (
    error instanceof StoreError ||
    error instanceof StoreFullError ||
    error instanceof OutboxFullError ||
    error instanceof OverflowError
  )
}
