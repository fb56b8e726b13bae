/** A promise, and a function that resolves it. */
export function deferred(): { readonly over: Promise<void>; readonly end: () => void } {
  let end: () => void = () => undefined
  const over = new Promise<void>(resolve => {
    end = resolve
  })
  return { over, end }
}
