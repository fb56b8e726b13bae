import { closeSync, fchmodSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'

/** Length, checksum, kind. */
const HEAD = 9
/** The size of one write; also about the largest record. */
export const RECORD_BYTES = 256 * 1024
const END = 0

export interface FileRecord {
  readonly kind: number
  readonly body: Buffer
}

/**
 * Writes a file of records for this user alone, each with its checksum: aside, then synced, then renamed. Synchronous,
 * so that nothing changes meanwhile; only a few records are in memory.
 */
export class RecordFileWriter {
  readonly #path: string
  readonly #aside: string
  readonly #file: number
  #gathered: Uint8Array[] = []
  #bytes = 0
  #count = 0
  #written = 0

  /** @throws the system's own error */
  constructor(path: string) {
    this.#path = path
    this.#aside = `${path}.new`
    rmSync(this.#aside, { force: true })
    this.#file = openSync(this.#aside, 'wx', 0o600)
    fchmodSync(this.#file, 0o600)
  }

  /**
   * @param body does not change any more
   */
  add(kind: number, body: Uint8Array): void {
    const head = Buffer.allocUnsafe(HEAD)
    head.writeUInt32LE(body.length, 0)
    head.writeUInt8(kind, 8)
    head.writeUInt32LE(crc32(body, crc32(head.subarray(8))), 4)
    this.#gathered.push(head, body)
    this.#bytes += HEAD + body.length
    this.#count += 1
    if (this.#bytes >= RECORD_BYTES) this.#flush()
  }

  /**
   * The file is there, whole, when it returns.
   *
   * @returns its bytes
   */
  finish(): number {
    const count = Buffer.allocUnsafe(4)
    count.writeUInt32LE(this.#count)
    this.add(END, count)
    this.#flush()
    fsyncSync(this.#file)
    closeSync(this.#file)
    renameSync(this.#aside, this.#path)
    syncFolder(dirname(this.#path))
    return this.#written
  }

  /** Removes the unfinished file. */
  abandon(): void {
    try {
      closeSync(this.#file)
    } catch {
      // It is closed already.
    }
    rmSync(this.#aside, { force: true })
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#gathered)
    this.#gathered = []
    this.#bytes = 0
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at)
    this.#written += bytes.length
  }
}

/** A rename is durable when its folder is synced. Not every system can open a folder. */
function syncFolder(path: string): void {
  try {
    const folder = openSync(path, 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  } catch {
    // Then it is as durable as this system makes it.
  }
}

/** The faults of a file of records. */
export interface FileDamage {
  /** Records that are left out. */
  damaged: number
  /** The file ends too early. */
  isTorn: boolean
}

/**
 * Reads a file of records, one in memory at a time. It leaves out damaged ones; if the file ends too early, it reads
 * all whole ones.
 *
 * @returns the faults, if there were any
 */
export function* readRecordFile(path: string): Generator<FileRecord, FileDamage> {
  const file = openSync(path, 'r')
  const damage: FileDamage = { damaged: 0, isTorn: true }
  try {
    const head = Buffer.allocUnsafe(HEAD)
    while (readFully(file, head)) {
      // Bounded by the file: a damaged length finds its end.
      const body = readBody(file, head.readUInt32LE(0))
      if (body === undefined) break
      const kind = head.readUInt8(8)
      if (crc32(body, crc32(head.subarray(8))) !== head.readUInt32LE(4)) {
        damage.damaged += 1
        continue
      }
      if (kind === END) {
        damage.isTorn = false
        break
      }
      yield { kind, body }
    }
  } finally {
    closeSync(file)
  }
  return damage
}

function readBody(file: number, length: number): Buffer | undefined {
  const parts: Buffer[] = []
  for (let left = length; left > 0;) {
    // A part at a time, so that nothing is allocated for missing bytes.
    const part = Buffer.allocUnsafeSlow(Math.min(left, 16 * RECORD_BYTES))
    if (!readFully(file, part)) return undefined
    parts.push(part)
    left -= part.length
  }
  const [only] = parts
  return parts.length === 1 ? only : Buffer.concat(parts)
}

function readFully(file: number, into: Buffer): boolean {
  for (let at = 0; at < into.length;) {
    const read = readSync(file, into, at, into.length - at, null)
    if (read === 0) return false
    at += read
  }
  return true
}
