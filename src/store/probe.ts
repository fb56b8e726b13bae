import { spawn } from 'node:child_process'
import { programFile } from '../program-file.js'
import type { Damage } from './damage.js'

export interface Probed {
  /** It is no store, or none any more. */
  readonly wrong?: string
  /** Why lmdb must not have it as it is. */
  readonly broken?: string
  /** Pieces that are not what was written. */
  readonly damages: readonly Damage[]
  /** If it is a newer one than this version's: nothing was read then. */
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
 * @param isBrief only what every start needs: all records, and of the messages the newest
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
