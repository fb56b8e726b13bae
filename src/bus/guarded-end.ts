import type { End } from '../operators/rxjs-internals.js'

/** RxJS 7 would rethrow what an observer throws on a timer, and end the process. */
export function guardedEnd(end: End, threw: (error: unknown) => void): End {
  const attempt = (call: () => void): void => {
    try {
      call()
    } catch (error) {
      threw(error)
    }
  }
  return {
    next: value => {
      try {
        end.next?.(value)
      } catch (error) {
        threw(error)
      }
    },
    error: (error: unknown) => attempt(() => (end.error === undefined ? threw(error) : end.error(error))),
    complete: () => attempt(() => end.complete?.()),
  }
}
