import { closeSync, writeSync } from 'node:fs'
import { describe, MsgvanError } from '../errors.js'
import type { StartReport } from './start.js'

/**
 * A background host reports its outcome to the process that started it. That process may be gone: then the report is
 * lost.
 */
export interface StarterReport {
  /** Whether another process started this one and waits. */
  readonly isAwaited: boolean
  listening(): void
  failed(error: unknown): void
}

/**
 * @param fd its pipe for that, as text; undefined: no process waits
 */
export function reportToStarter(fd: string | undefined): StarterReport {
  const pipe = fd === undefined ? NaN : Number(fd)
  let isOver = !(pipe > 2)
  const tell = (report: StartReport): void => {
    if (isOver) return
    isOver = true
    try {
      writeSync(pipe, `${JSON.stringify(report)}\n`)
      closeSync(pipe)
    } catch {
      // The waiting process is gone.
    }
  }
  return {
    isAwaited: !isOver,
    listening: () => tell({ msgvan: 'listening', pid: process.pid }),
    failed: error => {
      const code = error instanceof MsgvanError ? error.code : 'MSGVAN_HOST_UNREACHABLE'
      const message = error instanceof MsgvanError ? error.message : describe(error)
      tell({ msgvan: 'failed', code, message })
    },
  }
}
