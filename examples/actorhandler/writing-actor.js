import { appendFile } from 'node:fs/promises'
import { Actor } from 'msgvan'

/** Appends the payload of each message to a file, where writing is done. */
export class WritingActor extends Actor {
  static requires = { writer: true }

  /** @param {{ file: string }} args */
  constructor({ file }) {
    super()
    this.file = file
  }

  /** @param {import('msgvan').Message} message */
  async receive({ payload }) {
    await appendFile(this.file, `${String(payload)}\n`)
  }
}
