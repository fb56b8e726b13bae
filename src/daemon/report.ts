import { describe, MsgvanError } from '../errors.js'
import type { StartReport } from './start.js'

/** How a background host tells the process that started it what became of it. That process may be gone: then nobody is told. */
export interface StarterReport {
  /** Whether another process started this one and waits. */
  readonly isAwaited: boolean
  listening(): void
  failed(error: unknown): Promise<void>
}

export function reportToStarter(): StarterReport {
  const tell = (report: StartReport): Promise<void> =>
    new Promise(resolve => {
      if (process.send === undefined || !process.connected) {
        resolve()
        return
      }
      process.send(report, () => {
        if (process.connected) process.disconnect()
        resolve()
      })
    })
  return {
    isAwaited: process.send !== undefined,
    listening: () => void tell({ msgvan: 'listening', pid: process.pid }),
    failed: error => {
      const code = error instanceof MsgvanError ? error.code : 'MSGVAN_HOST_UNREACHABLE'
      const message = error instanceof MsgvanError ? error.message : describe(error)
      return tell({ msgvan: 'failed', code, message })
    },
  }
}
