import { closeSync, writeSync } from 'node:fs'
import { describe, MsgvanError } from '../errors.js'
import type { StartReport } from './start.js'

/** How a background host tells the process that started it what became of it. That process may be gone: then nobody is told. */
export interface StarterReport {
  /** Whether another process started this one and waits. */
  readonly isAwaited: boolean
  listening(): void
  failed(error: unknown): void
}

/** @param fd the pipe that it has for that, as text; undefined: nobody waits */
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
      // Whoever waited is gone.
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
