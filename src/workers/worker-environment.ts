import type { Isolation } from '../bus/contract/actors.js'

/** How much a worker may have of this machine. */
export interface WorkerLimits {
  /** Bytes of its heap. One that needs more ends, and is started again. */
  readonly memory: number
  /** Variables that workers of other users' callers get, too. */
  readonly variables: readonly string[]
}

export const DEFAULT_LIMITS: WorkerLimits = { memory: 1024 ** 3, variables: [] }

/** The surroundings of a worker. */
export interface Confinement {
  readonly isolation: Isolation
  readonly env: NodeJS.ProcessEnv
  /** Of the heap, in MB. */
  readonly memory: number
}

/** Variables of every worker. */
const USUAL = new Set(['PATH', 'HOME', 'LANG', 'TZ'])
/** Windows finds neither programs nor its own parts without these. */
const OF_WINDOWS = [
  'SystemRoot',
  'ComSpec',
  'PATHEXT',
  'TEMP',
  'TMP',
  'USERPROFILE',
  'APPDATA',
  'LOCALAPPDATA',
]
/** In a worker of a principal, its name: a bus that the code makes for itself has the rights of that principal too. */
export const PRINCIPAL_VARIABLE = 'MSGVAN_PRINCIPAL'
const SECRET = /TOKEN|SECRET|PASSWORD|KEY/

/**
 * A caller who did not prove to be this machine's user gets a process, also if it asked for a thread: the end of that process does not end the host. It
 * does not get the host's environment, which may hold credentials of this user.
 */
export function confine(
  isLocalUser: boolean,
  principal: string | undefined,
  isolation: Isolation,
  { memory, variables }: WorkerLimits = DEFAULT_LIMITS,
  env: NodeJS.ProcessEnv = process.env,
): Confinement {
  const megabytes = Math.max(16, Math.floor(memory / 1024 ** 2))
  if (isLocalUser) return { isolation, env: { ...env }, memory: megabytes }
  const names = new Set([...USUAL, ...(process.platform === 'win32' ? OF_WINDOWS : []), ...variables])
  const isGiven = (name: string): boolean =>
    names.has(name) || (name.startsWith('MSGVAN_') && !SECRET.test(name))
  const given = Object.entries(env).filter(([name]) => isGiven(name))
  const whose = principal === undefined ? {} : { [PRINCIPAL_VARIABLE]: principal }
  return { isolation: 'process', env: { ...Object.fromEntries(given), ...whose }, memory: megabytes }
}
