import { readFile, rm, stat } from 'node:fs/promises'
import { codeOf, AuthError, describe, InvalidOptionError } from '../errors.js'
import type { HostFlags } from '../host/process/settings.js'
import { readKept, unknownSettings } from '../host/process/settings-kept.js'
import { version } from '../version.js'
import { Fields } from '../wire/frames/fields.js'
import type { StatePaths } from '../state/paths.js'
import { isHostOn } from '../state/pid-hint.js'
import { readPrivate, writePrivate } from '../state/private-file.js'

/**
 * Raised when an older msgvan would misread the file. An older version finds unknown settings by itself, and refuses
 * them.
 */
const FORMAT = 1

/** The options of a host. */
export interface KeptSettings {
  /**
   * Its flags, variables and the settings of the host before it. It contains no defaults, and its token is elsewhere.
   */
  readonly flags: HostFlags
  /** It had a token: `readHostToken`. */
  readonly hasToken: boolean
  /** A client started it, not a user. */
  readonly auto: boolean
  /** The host's process, which wrote this. */
  readonly pid: number
}

/**
 * The options of the previous host on this port; undefined if they were never written down.
 *
 * @throws InvalidOptionError if the file cannot be read, or holds settings that this version does not know
 */
export async function readSettings(paths: StatePaths, port: number): Promise<KeptSettings | undefined> {
  const path = paths.settings(port)
  const begin = `start the host with \`--fresh\` and all options that it needs: msgvan start --port ${port} --fresh …`
  const unreadable = (what: string): InvalidOptionError =>
    new InvalidOptionError(
      `The options of the host on port ${port} cannot be read: ${path} ${what}. To go on, remove it if it is not a file, and ${begin}`,
    )
  const foreign = (writer: string, what: string): InvalidOptionError =>
    new InvalidOptionError(
      `The host on port ${port} was started by msgvan ${writer} with ${what}, which msgvan ${version} does not know. ` +
        `Start it with msgvan ${writer}; to go on without, ${begin}`,
    )
  const text = await readRegular(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw unreadable(`gives ${describe(error)}`)
  })
  if (text === undefined) return undefined
  const fields = new Fields(parse(text), unreadable)
  const writer = fields.text('version', 64)
  if (fields.whole('format') > FORMAT) throw foreign(writer, 'settings of another form')
  const unknown = unknownSettings(fields.get('settings'))
  if (unknown.length > 0) throw foreign(writer, `the settings ${unknown.join(', ')}`)
  return {
    flags: readKept(fields.get('settings'), unreadable),
    hasToken: fields.flag('token'),
    auto: fields.flag('auto'),
    pid: fields.whole('pid'),
  }
}

/**
 * Writes down the options of the next host, while the present host still runs and owns the file.
 *
 * @returns restores the old file, if that host still runs: it did not end after all
 */
export async function announceSettings(
  paths: StatePaths,
  port: number,
  next: Pick<KeptSettings, 'flags' | 'auto'>,
): Promise<() => Promise<void>> {
  const before = await readSettings(paths, port).catch(() => undefined)
  if (before === undefined || !(await isHostOn(before.pid, port))) return () => Promise.resolve()
  const token = before.hasToken ? await readHostToken(paths, port).catch(() => undefined) : undefined
  await writeSettings(paths, port, next, before.pid)
  return async () => {
    if (!(await isHostOn(before.pid, port))) return
    await writeSettings(paths, port, { flags: { ...before.flags, token }, auto: before.auto }, before.pid)
  }
}

/**
 * The token of the host on this port.
 *
 * @throws AuthError if it is gone, or others can read it
 */
export async function readHostToken(paths: StatePaths, port: number): Promise<string> {
  const path = paths.hostToken(port)
  const give = 'Give it anew: MSGVAN_TOKEN or `--token`.'
  const bytes = await readPrivate(path, `Delete it, and use another token: MSGVAN_TOKEN or \`--token\`.`)
  const token = Buffer.from(bytes ?? '')
    .toString('utf8')
    .trim()
  if (token === '')
    throw new AuthError(`The host on port ${port} was started with a token, and ${path} is gone. ${give}`)
  return token
}

/** The host itself writes it, when it listens and before it accepts clients. */
export async function writeSettings(
  paths: StatePaths,
  port: number,
  { flags, auto }: Pick<KeptSettings, 'flags' | 'auto'>,
  pid = process.pid,
): Promise<void> {
  const { token, ...settings } = flags
  const kept = { format: FORMAT, version, pid, auto, token: token !== undefined, settings }
  // The token first: settings that mention a token are never without it.
  if (token !== undefined) await writePrivate(paths.hostToken(port), Buffer.from(`${token}\n`))
  await writePrivate(paths.settings(port), Buffer.from(`${JSON.stringify(kept, null, 2)}\n`))
  if (token === undefined) await rm(paths.hostToken(port), { force: true })
}

/** It does not open special files: a FIFO would wait for a writer. */
async function readRegular(path: string): Promise<string> {
  if (!(await stat(path)).isFile()) throw new Error('no file')
  return readFile(path, 'utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
