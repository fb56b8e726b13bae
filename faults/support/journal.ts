import { openSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

type Field = string | number

/**
 * What a process did, in a file that outlives it: a line is with the kernel when `write` returns, so a kill -9 right
 * after takes nothing back. Several processes may write to one file.
 */
export class Journal {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  write(...fields: readonly Field[]): void {
    writeSync(this.#file, `${fields.join(' ')}\n`)
  }
}

/** Its whole lines, field by field. */
export async function readJournal(path: string): Promise<string[][]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text
    .split('\n')
    .slice(0, -1)
    .map(line => line.split(' '))
}
