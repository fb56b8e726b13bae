import { fork } from 'node:child_process'
import { Worker } from 'node:worker_threads'
import { programFile } from '../program-file.js'
import { describe } from '../errors.js'
import { readLines } from './output-lines.js'
import { hasGroups, killGroup } from './process-group.js'
import type { Confinement } from './worker-environment.js'
import type { FromWorker, ToWorker, WorkerTask } from './worker-messages.js'

const entries = {
  handler: () => programFile('workers/handler-worker.js'),
  actor: () => programFile('workers/actor-worker.js'),
}

/**
 * A thread's memory for new objects, in MB. Each piece of it is a mapping of the host's, of which Linux gives a process
 * 65,530 (vm.max_map_count): past that the host itself dies. By default a thread takes up to three quarters more, and
 * 1,000 are too many.
 */
const YOUNG_MB = 2

export interface IsolateListener {
  message(words: FromWorker): void
  /** It printed a line. */
  line(stream: 'out' | 'err', text: string): void
  /** Called once: it is gone, by itself or terminated. */
  ended(reason: string): void
}

/** Runs a worker's entry apart from all else: a thread, or a process. */
export interface Isolate {
  /** Does nothing once it has ended. */
  send(words: ToWorker): void
  terminate(): void
}

export type OpenIsolate = (confinement: Confinement, task: WorkerTask, listener: IsolateListener) => Isolate

export const openIsolate: OpenIsolate = (confinement, task, listener) =>
  confinement.isolation === 'process'
    ? openProcess(confinement, task, listener)
    : openThread(confinement, task, listener)

const pids = new Set<number>()

/** Whether code of a worker runs in that process: in a thread of this one, or in a process that it has started. */
export function isOfWorkers(pid: number | undefined): boolean {
  return pid !== undefined && (pid === process.pid || pids.has(pid))
}

/** If the module makes a bus for itself, that is in this host, on any port. */
function environment({ env }: Confinement, { url }: WorkerTask): NodeJS.ProcessEnv {
  return { ...env, MSGVAN_PORT: new URL(url).port }
}

function openThread(confinement: Confinement, task: WorkerTask, listener: IsolateListener): Isolate {
  const worker = new Worker(entries[task.kind](), {
    workerData: task,
    env: environment(confinement, task),
    resourceLimits: {
      maxOldGenerationSizeMb: confinement.memory,
      ...(task.kind === 'actor' ? { maxYoungGenerationSizeMb: YOUNG_MB } : {}),
    },
    stdout: true,
    stderr: true,
    name: `msgvan ${task.kind} ${task.kind === 'actor' ? (task.self.name ?? task.self.id) : task.name}`,
  })
  readLines(worker.stdout, text => listener.line('out', text))
  readLines(worker.stderr, text => listener.line('err', text))
  let reason: string | undefined
  worker.on('message', (words: FromWorker) => listener.message(words))
  worker.on('error', error => {
    reason = describe(error)
  })
  worker.once('exit', () => listener.ended(reason ?? 'it ended its own thread'))
  return {
    send: words => worker.postMessage(words),
    terminate: () => void worker.terminate(),
  }
}

/**
 * It ends by itself when this process dies: see worker-side.ts. It has a process group of its own, so that its own
 * child processes end with it.
 */
function openProcess(confinement: Confinement, task: WorkerTask, listener: IsolateListener): Isolate {
  const child = fork(entries[task.kind](), {
    env: environment(confinement, task),
    detached: hasGroups,
    execArgv: [`--max-old-space-size=${confinement.memory}`],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const { pid } = child
  if (pid !== undefined) pids.add(pid)
  if (child.stdout !== null) readLines(child.stdout, text => listener.line('out', text))
  if (child.stderr !== null) readLines(child.stderr, text => listener.line('err', text))
  let hasEnded = false
  const end = (reason: string): void => {
    if (hasEnded) return
    hasEnded = true
    if (pid !== undefined) pids.delete(pid)
    if (pid !== undefined) killGroup(pid)
    listener.ended(reason)
  }
  const isolate: Isolate = {
    send: words => {
      // If it cannot be sent, the process has ended, or is about to.
      if (child.connected) child.send(words, () => undefined)
    },
    terminate: () => void child.kill('SIGKILL'),
  }
  child.on('message', words => listener.message(words as FromWorker))
  child.on('error', error => end(describe(error)))
  child.once('exit', (code, signal) => end(`it ended with ${signal ?? `exit code ${code ?? '?'}`}`))
  isolate.send({ kind: 'task', task })
  return isolate
}
