import type { ChildProcess } from 'node:child_process'

const children = new Set<ChildProcess>()
let isWatching = false

/** A server that we started has no channel whose end would tell it that we are gone: it is killed when we end. */
export function endWithUs(child: ChildProcess): void {
  if (!isWatching) {
    isWatching = true
    process.once('exit', () => {
      for (const each of children) each.kill('SIGKILL')
    })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  }
  children.add(child)
  child.once('exit', () => children.delete(child))
}
