import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'

/** A handler's stream: its standard output or its standard error. */
export type LogStream = 'out' | 'err'

export interface LogLine {
  /** ISO 8601, UTC. */
  readonly time: string
  /** The handler's name, or `host`. */
  readonly name: string
  readonly stream: LogStream
  readonly text: string
}

export interface HostLog {
  /** One line, without its line break. Never throws: a full disk must not end a host. */
  write(name: string, stream: LogStream, line: string): void
  /** Writes the rest and closes the file. Later writes do nothing. */
  close(): void
}

export interface HostLogOptions {
  /** A file that would grow over this is renamed to `<path>.1`, in place of the one before. Default 10 MiB. */
  readonly maxBytes?: number
  /** Gets each line too: a host in the foreground shows the output of handlers. */
  readonly echo?: (line: LogLine) => void
  /** The first write that fails. */
  readonly onError?: (error: unknown) => void
}

const LONGEST_TEXT = 64 * 1024
const FLUSH_AT = 256 * 1024

/** Opens the file that `msgvan logs` shows, at its end. Lines of one turn of the event loop are one write. */
export function openHostLog(path: string, options: HostLogOptions = {}): HostLog {
  const { maxBytes = 10 * 1024 * 1024, echo, onError } = options
  let file: number | undefined
  let size = 0
  let waiting = ''
  let flushing: NodeJS.Immediate | undefined
  let failed = false

  const open = (): number => {
    const opened = openSync(path, 'a', 0o600)
    size = fstatSync(opened).size
    return opened
  }
  const flush = (): void => {
    clearImmediate(flushing)
    flushing = undefined
    if (waiting === '' || file === undefined) return
    const bytes = Buffer.from(waiting)
    waiting = ''
    try {
      if (size > 0 && size + bytes.length > maxBytes) {
        closeSync(file)
        file = undefined
        renameSync(path, `${path}.1`)
        file = open()
      }
      writeAll(file, bytes)
      size += bytes.length
    } catch (error) {
      if (!failed) onError?.(error)
      failed = true
    }
  }

  file = open()
  return {
    write(name, stream, text) {
      if (file === undefined) return
      const line: LogLine = { time: new Date().toISOString(), name, stream, text: shorten(text) }
      echo?.(line)
      waiting += `${formatLine(line)}\n`
      if (waiting.length >= FLUSH_AT) flush()
      else flushing ??= setImmediate(flush)
    },
    close() {
      flush()
      if (file !== undefined) closeSync(file)
      file = undefined
    },
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  let at = 0
  while (at < bytes.length) at += writeSync(file, bytes, at)
}

/** `<time> <name> <out|err> <text>`: one line, fields separated by one space. */
export function formatLine({ time, name, stream, text }: LogLine): string {
  return `${time} ${escapeName(name)} ${stream} ${text.replace(/[\r\n]+/g, ' ')}`
}

/** undefined for a line of another format. */
export function parseLine(line: string): LogLine | undefined {
  const found = /^(\S+) (\S+) (out|err) (.*)$/s.exec(line)
  if (found === null) return undefined
  const [, time = '', name = '', stream, text = ''] = found
  return { time, name: unescapeName(name), stream: stream === 'err' ? 'err' : 'out', text }
}

/** Names may contain spaces; the field must not. */
function escapeName(name: string): string {
  return name.replace(/[\s%\p{Cc}]/gu, encodeURIComponent)
}

function unescapeName(field: string): string {
  try {
    return decodeURIComponent(field)
  } catch {
    return field
  }
}

function shorten(text: string): string {
  if (text.length <= LONGEST_TEXT) return text
  return `${text.slice(0, LONGEST_TEXT)} … (${text.length - LONGEST_TEXT} more characters)`
}
