import { AssertionError } from 'chai'

/** The error that a promise is rejected with. Fails when it resolves. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    if (error instanceof Error) return error
    throw new AssertionError(`rejected with ${String(error)}, which is no Error`)
  }
  throw new AssertionError(`resolved with ${String(value)} where a rejection was due`)
}
