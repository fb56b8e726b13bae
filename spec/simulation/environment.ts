import { createHash, createHmac } from 'node:crypto'
import type { Random } from './random.js'
import type { Task, VirtualClock } from './virtual-clock.js'

/** What timers are to those who set them. */
class TimerHandle {
  task: Task | undefined

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  hasRef(): boolean {
    return true
  }
}

/** As in Node, which also fires at once what it cannot wait for. */
function ticks(delay: number | undefined): number {
  const whole = Math.trunc(Number(delay))
  return whole >= 1 && whole < 2 ** 31 ? whole : 1
}

function clear(timer: unknown): void {
  if (timer instanceof TimerHandle && timer.task !== undefined) timer.task.run = undefined
}

function timers(clock: VirtualClock, random: Random) {
  type Run = (...given: unknown[]) => void
  return {
    setTimeout: (run: Run, delay?: number, ...given: unknown[]) => {
      const handle = new TimerHandle()
      handle.task = clock.schedule(ticks(delay), () => run(...given))
      return handle
    },
    setInterval: (run: Run, delay?: number, ...given: unknown[]) => {
      const handle = new TimerHandle()
      const again = (): void => {
        handle.task = clock.schedule(ticks(delay), () => {
          again()
          run(...given)
        })
      }
      again()
      return handle
    },
    setImmediate: (run: Run, ...given: unknown[]) => {
      const handle = new TimerHandle()
      // Before or after what else this moment brings: both happen.
      handle.task = clock.schedule(0, () => run(...given), clock.current, random.pick([0, 2]))
      return handle
    },
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
  }
}

/** WebCrypto as far as the handshake needs it. The real one answers from a thread, whenever that has time. */
function crypto(random: Random) {
  return {
    getRandomValues: (bytes: Uint8Array) => bytes.map((_, at) => (bytes[at] = random.between(0, 255))),
    subtle: {
      digest: (_algorithm: string, data: Uint8Array) =>
        Promise.resolve(Uint8Array.from(createHash('sha256').update(data).digest()).buffer),
      importKey: (_format: string, key: Uint8Array) => Promise.resolve(key),
      sign: (_algorithm: string, key: Uint8Array, data: Uint8Array) =>
        Promise.resolve(Uint8Array.from(createHmac('sha256', key).update(data).digest()).buffer),
    },
  }
}

/** Puts something in the place of a property, until what is returned is called. */
function replace(object: object, values: Record<string, unknown>): () => void {
  const before = Object.keys(values).map(key => [key, Object.getOwnPropertyDescriptor(object, key)] as const)
  for (const [key, value] of Object.entries(values))
    Object.defineProperty(object, key, { value, configurable: true, writable: true })
  return () => {
    for (const [key, descriptor] of before) {
      if (descriptor === undefined) Reflect.deleteProperty(object, key)
      else Object.defineProperty(object, key, descriptor)
    }
  }
}

/**
 * While `body` runs, all time and all chance in this process are virtual: timers, both clocks, `Math.random` and WebCrypto.
 * So the code under test runs as it is. Microtasks stay the real ones.
 */
export async function inEnvironment<T>(
  clock: VirtualClock,
  random: Random,
  body: () => Promise<T>,
): Promise<T> {
  const restore = [
    replace(globalThis, { ...timers(clock, random.fork()), crypto: crypto(random.fork()) }),
    replace(performance, { now: () => clock.now }),
    replace(Date, { now: () => Math.trunc(clock.now + clock.wallOffset) }),
    replace(Math, { random: () => random.number() }),
  ]
  try {
    return await body()
  } finally {
    for (const each of restore) each()
  }
}
