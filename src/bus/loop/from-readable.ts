import { Observable } from 'rxjs/internal/Observable'
import { InvalidOptionError } from '../../errors.js'
import { came } from '../../message/check-option.js'

/**
 * The chunks of a Web Stream as an Observable. Cold: subscribing locks the stream and reads it, so one subscriber may
 * read it. Unsubscribing cancels the stream. It errors when the stream does, and when another reader has locked it.
 *
 * @throws InvalidOptionError
 * @example
 * const lines = new Blob(['a', 'b']).stream().pipeThrough(new TextDecoderStream())
 * fromReadable(lines).pipe(publishTo(bus, 'lines')).subscribe()
 */
export function fromReadable<T>(stream: ReadableStream<T>): Observable<T> {
  // A program without types might give anything.
  if (typeof (stream as Partial<ReadableStream<T>> | undefined)?.getReader !== 'function')
    throw new InvalidOptionError(`fromReadable() takes a ReadableStream; this is ${came(stream)}.`)
  return new Observable(subscriber => {
    const reader = stream.getReader()
    let isRead = false
    const read = async (): Promise<void> => {
      for (;;) {
        const { done, value } = await reader.read()
        if (subscriber.closed) return
        if (done) break
        subscriber.next(value)
      }
      isRead = true
      subscriber.complete()
    }
    read().catch((error: unknown) => {
      isRead = true
      subscriber.error(error)
    })
    return () => {
      if (isRead) reader.releaseLock()
      else reader.cancel().catch(() => undefined)
    }
  })
}
