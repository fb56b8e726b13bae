import { spawn } from 'node:child_process'
import { programFile } from '../program-file.js'
import type { Damage } from './damage.js'

export interface Probed {
  /** It is not a store, or not any more. */
  readonly wrong?: string
  /** Why lmdb must not open it unchanged. */
  readonly broken?: string
  /** The damaged pieces. */
  readonly damages: readonly Damage[]
  /** Set if it is newer than this version's: then nothing was read. */
  readonly format?: number
  readonly chunks: number
  /** All of them were read, or 0. */
  readonly messages: number
  readonly records: number
  /** Records in each table. */
  readonly tables?: Readonly<Record<string, number>>
}

/**
 * Reads a store through in a process of its own, which a torn file may end.
 *
 * @param isBrief only the checks of every start: all records, and the newest of the messages
 */
export function probe(folder: string, { isBrief }: { isBrief: boolean }): Promise<Probed> {
  return new Promise((resolve, reject) => {
    const program = programFile('store/probe-process.js')
    const child = spawn(process.execPath, [program, folder, isBrief ? 'brief' : 'all'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(JSON.parse(said) as Probed)
      const broken = `reading it through failed (${signal ?? `exit code ${code}`})`
      resolve({ broken, damages: [], chunks: 0, messages: 0, records: 0 })
    })
  })
}
