import { chmod, mkdir, stat } from 'node:fs/promises'
import { homedir, userInfo } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { codeOf, AuthError, InvalidOptionError } from '../errors.js'

/** The files of this user. Those of a host contain its port, so that hosts on several ports never meet. */
export interface StatePaths {
  readonly home: string
  /** 32 bytes: with them, processes of this user prove themselves to their hosts. */
  readonly secret: string
  /** The token for remote callers, if the user put one there. */
  readonly token: string
  /** The rights of principals at a host, if the user has written the file. */
  readonly principals: string
  /** The output of handlers, line by line. */
  log(port: number): string
  /** The log of background hosts while there is no syslog. */
  readonly messages: string
  /** All other output of a background host: a crash's last words. */
  output(port: number): string
  /** The registrations that a restarted host leaves to the next one. */
  registrations(port: number): string
  /** The memory of a restarted host, for the next one. */
  handOver(port: number): string
  /** With this and SIGTERM, a host of another protocol is asked to hand over. */
  handOverWanted(port: number): string
  /** The named subscriptions of a host that keeps its messages in memory, for the next one. */
  names(port: number): string
  /** The process id of the host: a hint, never proof. */
  pid(port: number): string
  /** The socket by which this user's processes reach the host. */
  socket(port: number): string
  /** The options of the previous host, for the next one. */
  settings(port: number): string
  /** The token of the previous host, if it had one: never among its settings. */
  hostToken(port: number): string
}

/**
 * The state folder: `MSGVAN_HOME`, or this system's usual place (on Linux `~/.local/state/msgvan`).
 *
 * @throws InvalidOptionError if `MSGVAN_HOME` is relative: each folder in which a command runs would get secrets of its
 * own. Also if this user has no home folder
 */
export function statePaths(env: NodeJS.ProcessEnv = process.env): StatePaths {
  checkHomeSetting(env)
  const home = env['MSGVAN_HOME'] || defaultHome(env)
  return {
    home,
    secret: join(home, 'secret'),
    token: join(home, 'token'),
    principals: join(home, 'principals.json'),
    messages: join(home, 'messages.log'),
    log: port => join(home, `host-${port}.log`),
    output: port => join(home, `host-${port}.out`),
    registrations: port => join(home, `host-${port}.registrations`),
    handOver: port => join(home, `host-${port}.handover`),
    handOverWanted: port => join(home, `host-${port}.handover-wanted`),
    names: port => join(home, `host-${port}.names`),
    pid: port => join(home, `host-${port}.pid`),
    socket: port => join(home, `host-${port}.sock`),
    settings: port => join(home, `host-${port}.settings`),
    hostToken: port => join(home, `host-${port}.token`),
  }
}

/**
 * For commands that may end before they need the state folder.
 *
 * @throws InvalidOptionError if `MSGVAN_HOME` is relative
 */
export function checkHomeSetting(env: NodeJS.ProcessEnv = process.env): void {
  const home = env['MSGVAN_HOME'] || undefined
  if (home !== undefined && !isAbsolute(home))
    throw new InvalidOptionError(`MSGVAN_HOME must be an absolute path; this is ${JSON.stringify(home)}.`)
}

function defaultHome(env: NodeJS.ProcessEnv): string {
  switch (process.platform) {
    case 'win32':
      return join(absolute(env['LOCALAPPDATA']) ?? join(userHome(env), 'AppData', 'Local'), 'msgvan', 'Data')
    case 'darwin':
      return join(userHome(env), 'Library', 'Application Support', 'msgvan')
    default:
      // The XDG specification: ignore a relative path, which is invalid.
      return join(absolute(env['XDG_STATE_HOME']) ?? join(userHome(env), '.local', 'state'), 'msgvan')
  }
}

/** On demand: a user without an entry in the system's list has none, and needs none for an embedded bus. */
function userHome(env: NodeJS.ProcessEnv): string {
  const fromEnvironment = process.platform === 'win32' ? undefined : absolute(env['HOME'])
  const home = fromEnvironment ?? absolute(quietly(homedir)) ?? absolute(quietly(() => userInfo().homedir))
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
 * Makes the state folder, for this user alone. It accepts an existing one, unless others could put files there.
 *
 * @throws AuthError
 */
export async function ensureHome(home: string): Promise<void> {
  const made = await mkdir(home, { recursive: true, mode: 0o700 })
  // The umask cuts mkdir's mode, and the folder may be one that mkdir found on its way.
  if (made !== undefined) await chmod(home, 0o700)
  await checkHome(home)
}

/**
 * Makes no folder.
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
