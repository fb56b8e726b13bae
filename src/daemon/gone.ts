import { setTimeout as sleep } from 'node:timers/promises'
import { somebodyListens } from './find/listens.js'
import { isAlive } from '../state/pid-hint.js'

/** The end of a process sends a signal to its parent only, so this looks for it at this interval. */
const LOOK_EVERY_MS = 20

/** Whether the process is gone before the time is over. */
export function isDeadWithin(ms: number, pid: number): Promise<boolean> {
  return within(ms, () => Promise.resolve(!isAlive(pid)))
}

/** Whether the process is gone and nothing listens on the port any more, before the time is over. */
export function isGoneWithin(ms: number, pid: number, port: number): Promise<boolean> {
  return within(ms, async () => !isAlive(pid) && !(await somebodyListens(port)))
}

async function within(ms: number, check: () => Promise<boolean>): Promise<boolean> {
  const due = performance.now() + ms
  for (;;) {
    if (await check()) return true
    if (performance.now() >= due) return false
    await sleep(LOOK_EVERY_MS)
  }
}
