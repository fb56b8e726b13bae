import { appendFileSync, closeSync, fstatSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { codeOf, describe } from '../errors.js'
import { escapeControls } from './escape-controls.js'

/** Takes the lines while syslog cannot. Writes at once, holds nothing back, never throws. */
export interface Fallback {
  /** For people: "the console", or the path. */
  readonly name: string
  write(line: string): void
  close(): void
}

/** Standard error. console.error, unlike process.stderr.write, survives a closed pipe. */
export const consoleFallback: Fallback = {
  name: 'the console',
  write: line => {
    // eslint-disable-next-line no-console -- this is the console
    console.error(escapeControls(line))
  },
  close: () => undefined,
}

export interface FileFallbackOptions {
  /** Bytes after which the file is rotated. Default 4 MiB. */
  readonly maxSize?: number
  /** Files kept, the current one among them: `x.log`, `x.log.1`, … Default 3. */
  readonly maxFiles?: number
}

/** A file that cannot be written is tried again after this long. */
const PAUSE_MS = 5_000

/**
 * A file of limited size. Appends synchronously: no line waits in memory, and none is lost when the process ends in the
 * next moment. winston's own File transport buffers a burst without bound and hides write errors.
 */
export class FileFallback implements Fallback {
  readonly #maxSize: number
  readonly #maxFiles: number
  #fd: number | undefined
  #size = 0
  #blockedUntil = 0

  constructor(
    readonly name: string,
    { maxSize = 4 * 1024 * 1024, maxFiles = 3 }: FileFallbackOptions = {},
  ) {
    this.#maxSize = maxSize
    this.#maxFiles = maxFiles
  }

  write(line: string): void {
    if (performance.now() < this.#blockedUntil) return consoleFallback.write(line)
    try {
      this.#append(Buffer.from(`${line}\n`))
      this.#blockedUntil = 0
    } catch (error) {
      this.close()
      if (this.#blockedUntil === 0) {
        consoleFallback.write(
          `${this.name} cannot be written (${describe(error)}): logging goes to the console`,
        )
      }
      this.#blockedUntil = performance.now() + PAUSE_MS
      consoleFallback.write(line)
    }
  }

  close(): void {
    const fd = this.#fd
    this.#fd = undefined
    try {
      if (fd !== undefined) closeSync(fd)
    } catch {
      // It cannot be helped: the descriptor is gone either way.
    }
  }

  #append(bytes: Buffer): void {
    let fd = this.#open()
    if (this.#size > 0 && this.#size + bytes.length > this.#maxSize) {
      this.close()
      this.#rotate(bytes.length)
      fd = this.#open()
    }
    appendFileSync(fd, bytes)
    this.#size += bytes.length
  }

  /** Open for this turn of the event loop only: another process may rotate the file at any time. */
  #open(): number {
    if (this.#fd !== undefined) return this.#fd
    mkdirSync(dirname(this.name), { recursive: true, mode: 0o700 })
    const fd = openSync(this.name, 'a', 0o600)
    this.#fd = fd
    this.#size = fstatSync(fd).size
    setImmediate(() => this.close())
    return fd
  }

  #rotate(coming: number): void {
    if (statSync(this.name).size + coming <= this.#maxSize) return // another process was here first
    for (let n = this.#maxFiles - 1; n > 0; n--) {
      try {
        renameSync(n === 1 ? this.name : `${this.name}.${n - 1}`, `${this.name}.${n}`)
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error
      }
    }
  }
}
