/** Functions of the global object that a browser refuses to run as methods of anything else. */
const names = ['queueMicrotask', 'setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] as const

type GlobalFunction = (...args: unknown[]) => unknown

function strict(original: GlobalFunction): GlobalFunction {
  function standIn(this: unknown, ...args: unknown[]): unknown {
    if (this !== undefined && this !== globalThis) throw new TypeError('Illegal invocation')
    return original(...args)
  }
  // util.promisify finds its own version of a timer on the function.
  Object.defineProperties(standIn, Object.getOwnPropertyDescriptors(original))
  return standIn
}

/**
 * Has the global functions check `this` as a browser does: "Illegal invocation" when the code calls one as a method of an
 * object that it was given to. Node accepts any `this`, so such a call shows in no spec otherwise.
 */
export function checkThisAsBrowsersDo(): void {
  for (const name of names) {
    const original = globalThis[name] as unknown as GlobalFunction
    Object.defineProperty(globalThis, name, { value: strict(original), configurable: true, writable: true })
  }
}
