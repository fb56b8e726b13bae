import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Probed {
  /** What is wrong, if anything is. */
  readonly wrong?: string
  /** If it is a newer one than this version's: nothing was read then. */
  readonly format?: number
  readonly chunks: number
  readonly messages: number
  readonly records: number
}

const program = fileURLToPath(new URL('../store/probe-process.js', import.meta.url))

/**
 * Reads a store through in a process of its own, which a torn file may end.
 * @param isBrief only what every start needs: all records, and of the messages the newest
 */
export function probe(folder: string, { isBrief }: { isBrief: boolean }): Promise<Probed> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, folder, isBrief ? 'brief' : 'all'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    child.once('error', reject)
    child.once('close', (code, signal) => {
      const nothing = { chunks: 0, messages: 0, records: 0 }
      if (code === 0) resolve(JSON.parse(said) as Probed)
      else resolve({ ...nothing, wrong: `reading it through failed (${signal ?? `exit code ${code}`})` })
    })
  })
}
