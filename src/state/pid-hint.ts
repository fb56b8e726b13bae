import { codeOf } from '../errors.js'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { StatePaths } from './paths.js'

/** Writes down the process of the host on this port, for the time when it does not answer any more. */
export async function writePidHint(paths: StatePaths, port: number): Promise<void> {
  await writeFile(paths.pid(port), `${process.pid}\n`, { mode: 0o600 })
}

/** Removes this process's own hint; another one stays. */
export async function removePidHint(paths: StatePaths, port: number, pid = process.pid): Promise<void> {
  if ((await readPidHint(paths, port)) === pid) await rm(paths.pid(port), { force: true })
}

export async function readPidHint(paths: StatePaths, port: number): Promise<number | undefined> {
  const text = await readFile(paths.pid(port), 'utf8').catch(() => '')
  return /^\d{1,10}\n$/.test(text) ? Number(text) : undefined
}

/** Whether a process runs, this user's or not. A zombie (PID 1 of a container may not wait for it) does not run. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
  return !isZombie(pid)
}

/** The first thread may end before the others: until the last one has ended, they hold the port of the process. */
function isZombie(pid: number): boolean {
  if (process.platform !== 'linux' || !hasEnded(`/proc/${pid}`)) return false
  try {
    return readdirSync(`/proc/${pid}/task`).every(thread => hasEnded(`/proc/${pid}/task/${thread}`) ?? true)
  } catch {
    return true
  }
}

/** Undefined: it is gone. */
function hasEnded(thread: string): boolean | undefined {
  try {
    // "pid (name) state …", where the name may contain anything.
    return /^.*\) [ZX]/s.test(readFileSync(`${thread}/stat`, 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * Whether the process of a hint is a host on this port: process ids are used again, and this must not end another
 * program. On Linux: it holds the listening socket. Elsewhere: its command line shows it.
 */
export async function isHostOn(pid: number, port: number): Promise<boolean> {
  if (!isAlive(pid)) return false
  if (process.platform === 'linux') return holdsPort(pid, port)
  const shown = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => undefined)
  return shown !== undefined && /main\.js['"]? host\b/.test(shown.stdout)
}

async function holdsPort(pid: number, port: number): Promise<boolean> {
  const listening = new Set<string>()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const inode of listenersIn(await readFile(table, 'utf8').catch(() => ''), port)) listening.add(inode)
  }
  const open = await readdir(`/proc/${pid}/fd`).catch(() => [])
  for (const descriptor of open) {
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1]
    if (inode !== undefined && listening.has(inode)) return true
  }
  return false
}

/** The inodes of the sockets that listen on this port, from a table such as /proc/net/tcp. */
function* listenersIn(table: string, port: number): Generator<string> {
  const LISTEN = '0A'
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  for (const row of table.split('\n').slice(1)) {
    const [, local = '', , state, , , , , , inode] = row.trim().split(/\s+/)
    if (state === LISTEN && inode !== undefined && local.endsWith(`:${wanted}`)) yield inode
  }
}
