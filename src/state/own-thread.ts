import { existsSync, readlinkSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

/**
 * The system's id of this thread, if it is a worker thread: it may be terminated while its process goes on. Only on
 * Linux (`/proc/thread-self` is a link to `<pid>/task/<thread>`).
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

/** Whether this thread of a process on this machine is gone. If it cannot be seen, it counts as present. */
export function isThreadGone(pid: number, thread: number): boolean {
  const threads = `/proc/${pid}/task`
  return !existsSync(`${threads}/${thread}`) && existsSync(threads)
}
