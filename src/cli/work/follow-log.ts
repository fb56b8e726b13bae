import { codeOf } from '../../errors.js'
import { watch, type FSWatcher } from 'node:fs'
import { open, stat, type FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { StringDecoder } from 'node:string_decoder'

export interface FollowOptions {
  /** Goes on as the file grows, through rotation and a host's restart, until `signal` aborts. */
  readonly follow: boolean
  readonly signal: AbortSignal
}

/**
 * fs.watch can miss changes (a network file system, too many watches), so this looks at the file at this interval as
 * well.
 */
const LOOK_EVERY_MS = 1_000
const CHUNK_BYTES = 64 * 1024

/**
 * The lines of a host's log file, oldest first: those of the rotated file `<path>.1`, then of the file itself. A
 * rotation loses no line: it reads a file to the end before the next.
 */
export async function* followLog(path: string, { follow, signal }: FollowOptions): AsyncGenerator<string[]> {
  const changes = follow ? watchFile(path, signal) : undefined
  let current: LogFile | undefined
  let before: number | undefined
  try {
    for (;;) {
      current ??= await firstOf(path)
      if (current !== undefined) {
        yield* current.rest()
        if (signal.aborted) return
        const next = await after(current, before, path)
        if (next !== undefined) {
          yield* current.rest() // the lines between the last look and the rotation
          yield* current.end()
          await current.close()
          before = current.inode
          current = next
          continue
        }
      }
      if (changes === undefined) {
        if (current !== undefined) yield* current.end()
        return
      }
      await changes.next()
      if (signal.aborted) return
    }
  } finally {
    await current?.close()
    changes?.close()
  }
}

class LogFile {
  readonly #decoder = new StringDecoder('utf8')
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  #partial = ''
  #position = 0

  private constructor(
    readonly handle: FileHandle,
    readonly inode: number,
  ) {}

  static async open(path: string): Promise<LogFile | undefined> {
    try {
      const handle = await open(path, 'r')
      return new LogFile(handle, (await handle.stat()).ino)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** Whole lines up to the file's present end. */
  async *rest(): AsyncGenerator<string[]> {
    // The file was emptied: new lines stand at its beginning.
    if ((await this.handle.stat()).size < this.#position) this.#position = 0
    for (;;) {
      const { bytesRead } = await this.handle.read(this.#chunk, 0, CHUNK_BYTES, this.#position)
      if (bytesRead === 0) return
      this.#position += bytesRead
      const lines = (this.#partial + this.#decoder.write(this.#chunk.subarray(0, bytesRead))).split('\n')
      this.#partial = lines.pop() ?? ''
      if (lines.length > 0) yield lines
    }
  }

  /** A last line without a line break, of a writer that was killed. */
  *end(): Generator<string[]> {
    if (this.#partial !== '') yield [this.#partial]
    this.#partial = ''
  }

  close(): Promise<void> {
    return this.handle.close()
  }
}

async function firstOf(path: string): Promise<LogFile | undefined> {
  return (await LogFile.open(`${path}.1`)) ?? (await LogFile.open(path))
}

/** The next file; undefined while this one is the last. `before` is the inode of the file before. */
async function after(
  current: LogFile,
  before: number | undefined,
  path: string,
): Promise<LogFile | undefined> {
  const newest = await inodeOf(path)
  if (newest === undefined || newest === current.inode) return undefined
  const rotated = await LogFile.open(`${path}.1`)
  // It was rotated more than once since: the file between comes first.
  if (rotated !== undefined && rotated.inode !== current.inode && rotated.inode !== before) return rotated
  await rotated?.close()
  return LogFile.open(path)
}

async function inodeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.ino
}

/** Reports when the file may have changed. It does not lose a change between two calls of `next`. */
function watchFile(path: string, signal: AbortSignal): { next(): Promise<void>; close(): void } {
  let changed = false
  let wake: (() => void) | undefined
  const notice = (): void => {
    changed = true
    wake?.()
  }
  let watcher = watchFolder(path, notice)
  const timer = setInterval(() => {
    // The first host makes the folder.
    watcher ??= watchFolder(path, notice)
    notice()
  }, LOOK_EVERY_MS)
  signal.addEventListener('abort', notice)
  return {
    next: () =>
      new Promise(resolve => {
        wake = () => {
          changed = false
          wake = undefined
          resolve()
        }
        if (changed || signal.aborted) wake()
      }),
    close: () => {
      watcher?.close()
      clearInterval(timer)
      signal.removeEventListener('abort', notice)
    },
  }
}

/** undefined: the folder does not exist. */
function watchFolder(path: string, notice: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(dirname(path), { persistent: true }, (_event, name) => {
      if (name === null || name === basename(path)) notice()
    })
    return watcher.on('error', () => undefined)
  } catch {
    return undefined
  }
}
