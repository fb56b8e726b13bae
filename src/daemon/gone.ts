import { setTimeout as sleep } from 'node:timers/promises'
import { somebodyListens } from './listens.js'
import { isAlive } from './pid-hint.js'

/** Another process's end sends no signal to a process that is not its parent: it has to be looked for. */
const LOOK_EVERY_MS = 20

/** Whether the process is gone and nothing listens on the port any more, before the time is over. */
export async function isGoneWithin(ms: number, pid: number, port: number): Promise<boolean> {
  const due = performance.now() + ms
  for (;;) {
    if (!isAlive(pid) && !(await somebodyListens(port))) return true
    if (performance.now() >= due) return false
    await sleep(LOOK_EVERY_MS)
  }
}
