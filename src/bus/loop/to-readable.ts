/**
 * A Web Stream of what an iterator gives: each read asks for one value, and `cancel()` leaves the loop.
 */
export function toReadable<T>(values: AsyncIterable<T>): ReadableStream<T> {
  const loop = values[Symbol.asyncIterator]()
  let isCancelled = false
  return new ReadableStream<T>(
    {
      async pull(controller) {
        const result = await loop.next()
        if (isCancelled) return
        if (result.done === true) controller.close()
        else controller.enqueue(result.value)
      },
      async cancel() {
        isCancelled = true
        await loop.return?.()
      },
    },
    // Nothing is read ahead: what is read is in hand.
    { highWaterMark: 0 },
  )
}
