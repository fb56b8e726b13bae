import type { Context } from 'mocha'
import { checkThisAsBrowsersDo } from './browser-functions.js'

// Before anything of msgvan is loaded: all specs run by a browser's rule.
checkThisAsBrowsersDo()

/**
 * Root hooks. After each test nothing may be left: no timer, socket or child process that was not there before it, and no
 * rejection that nobody handled. What was left is told at the end, every test by name, so that one leak hides no other.
 */

const complaints: string[] = []
let strays: unknown[] = []
let baseline = new Map<string, number>()

/** Comes and goes by itself, or belongs to the waiting done here. */
const passing = new Set(['Immediate', 'TickObject', 'Microtask', 'FSReqPromise', 'FSReqCallback'])

function resources(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) {
    if (!passing.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return counts
}

function left(): string[] {
  return [...resources()].flatMap(([kind, count]) => {
    const more = count - (baseline.get(kind) ?? 0)
    return more > 0 ? [`${more} × ${kind}`] : []
  })
}

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

/** A closed socket or an ended process takes some turns to go; what is still there after this is left. */
const grace = 2_000

export const mochaHooks = {
  beforeAll() {
    // In place of mocha's own, which would blame whatever test runs at that moment with an abort of its suite.
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', reason => strays.push(reason))
  },

  async beforeEach() {
    strays = []
    await turn() // an asynchronous hook, as the one after: mocha's own timer counts in both
    baseline = resources()
  },

  async afterEach(this: Context) {
    const title = this.currentTest?.fullTitle() ?? 'a test'
    await turn() // unhandled rejections are told after the microtasks of a turn
    const until = performance.now() + grace
    while (left().length > 0 && performance.now() < until) await turn()
    const still = left()
    if (still.length > 0) complaints.push(`${title}: left ${still.join(', ')}`)
    for (const stray of strays)
      complaints.push(`${title}: nobody handled ${String(stray instanceof Error ? stray.stack : stray)}`)
  },

  afterAll() {
    if (complaints.length > 0) throw new Error(`Tests left something behind:\n${complaints.join('\n')}`)
  },
}
