import { existsSync, readlinkSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

/**
 * The system's id of this thread, if it is a worker thread: it may be terminated while its process goes on. Linux alone says it
 * (`/proc/thread-self` is a link to `<pid>/task/<thread>`).
 */
export function ownThread(): number | undefined {
  if (isMainThread || process.platform !== 'linux') return undefined
  try {
    const [, pid, thread] = /^(\d+)\/task\/(\d+)$/.exec(readlinkSync('/proc/thread-self')) ?? []
    return Number(pid) === process.pid ? Number(thread) : undefined
  } catch {
    return undefined
  }
}

/** Whether a process of this machine has this thread no more. What cannot be seen counts as there. */
export function isThreadGone(pid: number, thread: number): boolean {
  const threads = `/proc/${pid}/task`
  return !existsSync(`${threads}/${thread}`) && existsSync(threads)
}
