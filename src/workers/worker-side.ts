import { connect as dial } from 'node:net'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { describe } from '../errors.js'
import { RemoteBroker } from '../client/remote-broker.js'
import { MAILBOX } from '../message/topic.js'
import { hasGroups, killGroup } from './process-group.js'
import type { FromWorker, ToWorker, WorkerTask } from './worker-messages.js'

/** The worker's side of the connection to its host, in a thread or a process. */

type Words = Exclude<ToWorker, { kind: 'task' }>

/** Milliseconds until a finished worker is ended, however much its module left open. */
const LINGER_MS = 500

export const say = (words: FromWorker): void => {
  if (parentPort !== null) parentPort.postMessage(words)
  else if (process.connected) process.send?.(words)
}

const unheard: Words[] = []
let isEnding = false
let listener: ((words: Words) => void) | undefined

/** From now on, and all earlier words. */
export function listen(to: (words: Words) => void): void {
  listener = to
  for (const words of unheard.splice(0)) to(words)
}

export const task: WorkerTask = await new Promise(resolve => {
  const hear = (words: ToWorker): void => {
    if (words.kind === 'task') resolve(words.task)
    else if (listener === undefined) unheard.push(words)
    else listener(words)
  }
  if (parentPort !== null) {
    parentPort.on('message', hear)
    resolve(workerData as WorkerTask)
  } else {
    goWithParent()
    process.on('message', words => hear(words as ToWorker))
  }
})

/** The worker's own connection to its host. */
export function connect(): RemoteBroker {
  const { url, socket: path, van, clientId, clientKey, secret, principal } = task
  const mailbox = task.kind === 'actor' ? MAILBOX + task.self.id : undefined
  const worker = principal === undefined ? undefined : { principal, mailbox }
  return new RemoteBroker({
    url,
    ...(path === undefined ? {} : { locate: () => Promise.resolve({ url, open: () => dial({ path }) }) }),
    van,
    client: { id: clientId, key: clientKey },
    secret: () => Promise.resolve({ secret, worker }),
    readyTimeout: 30_000,
    isEndedByHost: true,
  })
}

/** If the module lacks the export, it reports why and returns undefined. */
export async function loadExport(what: string, isOne: (exported: unknown) => boolean): Promise<unknown> {
  try {
    const module = (await import(task.module)) as Record<string, unknown>
    const exported = module[task.export]
    if (isOne(exported)) return exported
    const there = Object.keys(module).filter(name => isOne(module[name]))
    say({
      kind: 'failed',
      message:
        `${task.module} has no ${what} exported as ${JSON.stringify(task.export)}. ` +
        (there.length === 0 ? `It exports no ${what} at all.` : `It exports: ${there.join(', ')}.`),
    })
  } catch (error) {
    say({ kind: 'failed', message: `${task.module} failed to load: ${describe(error)}` })
  }
  return undefined
}

/** Resources that the module opened for itself (a bus, a server) would keep the worker: it gets a moment to finish. */
export function end(): void {
  isEnding = true
  parentPort?.close()
  if (process.connected) process.disconnect()
  setTimeout(() => process.exit(0), LINGER_MS).unref()
}

/**
 * A process ends with its host, also when that is killed: by the closed channel, and, during a long computation, by a
 * thread that checks its parent.
 */
function goWithParent(): void {
  if (!isMainThread) return
  process.on('disconnect', () => {
    if (isEnding) return
    // Last of all: by then its module's exit handlers are done.
    process.on('exit', () => killGroup(process.pid))
    process.exit()
  })
  // A terminal's Ctrl-C goes to all its processes: the host decides when to end.
  for (const signal of ['SIGINT', 'SIGHUP'] as const) process.on(signal, () => undefined)
  process.on('uncaughtException', error => {
    say({ kind: 'failed', message: describe(error) })
    // eslint-disable-next-line no-console -- the host reads it, line by line
    console.error(error)
    process.exit(1)
  })
  const watch = `
    const parent = ${process.ppid}
    setInterval(() => { if (process.ppid !== parent) process.kill(${hasGroups ? -process.pid : process.pid}, 'SIGKILL') }, 500)`
  new Worker(watch, { eval: true, stdout: false, stderr: false }).unref()
}
