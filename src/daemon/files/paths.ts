import { chmod, mkdir, stat } from 'node:fs/promises'
import { homedir, userInfo } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { AuthError, InvalidOptionError } from '../../errors.js'
import { codeOf } from './private-file.js'

/** The files of this user. Those of a host carry its port, so that hosts on several ports never meet. */
export interface StatePaths {
  readonly home: string
  /** 32 bytes by which processes of this user prove themselves to their hosts. */
  readonly secret: string
  /** The token for callers that are not local, if the user put one there. */
  readonly token: string
  /** What handlers print, line by line. */
  log(port: number): string
  /** What hosts in the background log while there is no syslog. */
  readonly messages: string
  /** Whatever else a background host writes: a crash's last words. */
  output(port: number): string
  /** What a host that is restarted leaves to the next one. */
  registrations(port: number): string
  /** All that was in the memory of a host that is restarted, for the next one. */
  handOver(port: number): string
  /** A host of another protocol is asked by this, and by SIGTERM, to hand over. */
  handOverWanted(port: number): string
  /** The named subscriptions of a host that keeps its messages in memory: known to the next one. */
  names(port: number): string
  /** Says which process is the host: a hint, never proof. */
  pid(port: number): string
  /** How the host was started last, for the one that is started next. */
  settings(port: number): string
  /** The token that it was given, if it was given one: never among its settings. */
  hostToken(port: number): string
}

/**
 * The state folder: `MSGVAN_HOME`, else where this system keeps such things (on Linux `~/.local/state/msgvan`).
 *
 * @throws InvalidOptionError if `MSGVAN_HOME` is relative: each folder in which a command runs would get secrets of its own. Also if
 *   this user has no home folder
 */
export function statePaths(env: NodeJS.ProcessEnv = process.env): StatePaths {
  const home = env['MSGVAN_HOME'] || defaultHome(env)
  if (!isAbsolute(home))
    throw new InvalidOptionError(`MSGVAN_HOME is an absolute path; this is ${JSON.stringify(home)}.`)
  return {
    home,
    secret: join(home, 'secret'),
    token: join(home, 'token'),
    messages: join(home, 'messages.log'),
    log: port => join(home, `host-${port}.log`),
    output: port => join(home, `host-${port}.out`),
    registrations: port => join(home, `host-${port}.registrations`),
    handOver: port => join(home, `host-${port}.handover`),
    handOverWanted: port => join(home, `host-${port}.handover-wanted`),
    names: port => join(home, `host-${port}.names`),
    pid: port => join(home, `host-${port}.pid`),
    settings: port => join(home, `host-${port}.settings`),
    hostToken: port => join(home, `host-${port}.token`),
  }
}

function defaultHome(env: NodeJS.ProcessEnv): string {
  switch (process.platform) {
    case 'win32':
      return join(absolute(env['LOCALAPPDATA']) ?? join(userHome(env), 'AppData', 'Local'), 'msgvan', 'Data')
    case 'darwin':
      return join(userHome(env), 'Library', 'Application Support', 'msgvan')
    default:
      // The XDG specification: a relative path is invalid, and to be ignored.
      return join(absolute(env['XDG_STATE_HOME']) ?? join(userHome(env), '.local', 'state'), 'msgvan')
  }
}

/** Asked when it is wanted: a user without an entry in the system's list has none, and needs none for an embedded bus. */
function userHome(env: NodeJS.ProcessEnv): string {
  const told = process.platform === 'win32' ? undefined : absolute(env['HOME'])
  const home = told ?? absolute(quietly(homedir)) ?? absolute(quietly(() => userInfo().homedir))
  if (home !== undefined) return home
  throw new InvalidOptionError('This user has no home folder. Set MSGVAN_HOME to a folder for its state.')
}

function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined
}

function quietly(ask: () => string): string | undefined {
  try {
    return ask()
  } catch {
    return undefined
  }
}

/**
 * Makes the state folder, for this user alone. One that is there is taken as it is, unless others could put files there.
 *
 * @throws AuthError
 */
export async function ensureHome(home: string): Promise<void> {
  const made = await mkdir(home, { recursive: true, mode: 0o700 })
  // mkdir's mode is cut by the umask, and the folder may be one that mkdir found on its way.
  if (made !== undefined) await chmod(home, 0o700)
  await checkHome(home)
}

/**
 * Makes nothing.
 *
 * @returns whether there is a state folder
 * @throws AuthError if others could put files there
 */
export async function checkHome(home: string): Promise<boolean> {
  const found = await stat(home).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (found === undefined || process.getuid === undefined) return found !== undefined
  const { uid, mode } = found
  if (uid !== process.getuid()) {
    throw new AuthError(
      `The state folder ${home} belongs to another user (${uid}). Set MSGVAN_HOME to a folder of your own.`,
    )
  }
  if ((mode & 0o022) !== 0) {
    throw new AuthError(`Others can write to the state folder ${home}. Run: chmod 700 ${home}`)
  }
  return true
}
