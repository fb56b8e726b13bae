import { parentPort, workerData } from 'node:worker_threads'
import type { Bus } from '../bus/bus.js'
import { createBus } from '../bus/create-bus.js'
import { RemoteBroker } from '../client/remote-broker.js'
import { describe } from '../errors.js'
import type { Message } from '../message/message.js'
import { handle } from '../operators/handle.js'
import type { FromWorker, ToWorker, WorkerTask } from './worker-messages.js'

/**
 * The worker's own entry: loads the module, says so, and on `go` consumes its named subscription as any bus client does.
 * A handler that throws fails its message; one that brings its thread down is started again by the host.
 */

type Handler = (message: Message) => unknown

const port = parentPort
if (port === null) throw new Error('handler-worker.js is started by a host, as a worker thread')
const task = workerData as WorkerTask
const say = (words: FromWorker): void => port.postMessage(words)

let bus: Bus | undefined

function connect(): Bus {
  const { url, van, clientId, secret } = task
  return createBus(van, new RemoteBroker({ url, van, clientId, secret: () => Promise.resolve({ secret }) }))
}

async function load(): Promise<Handler | undefined> {
  try {
    const module = (await import(task.module)) as Record<string, unknown>
    const exported = module[task.export]
    if (typeof exported === 'function') return exported as Handler
    const there = Object.keys(module).filter(name => typeof module[name] === 'function')
    say({
      kind: 'failed',
      message:
        `${task.module} has no function exported as ${JSON.stringify(task.export)}. ` +
        (there.length === 0 ? 'It exports no function at all.' : `It exports: ${there.join(', ')}.`),
    })
  } catch (error) {
    say({ kind: 'failed', message: `${task.module} failed to load: ${describe(error)}` })
  }
  return undefined
}

function consume(handler: Handler): void {
  bus = connect()
  bus.errors$.subscribe(({ code, message }) => say({ kind: 'error', code, message }))
  bus
    .topic(task.pattern, { ...task.options, name: task.name, ack: 'manual' })
    .pipe(handle<unknown, unknown>(message => handler(message)))
    .subscribe({ error: (error: unknown) => say({ kind: 'failed', message: describe(error) }) })
  void bus.ready().then(
    () => say({ kind: 'running' }),
    (error: unknown) => say({ kind: 'failed', message: describe(error) }),
  )
}

/** What the module opened for itself (a bus, a server) would keep the thread: it has a moment to finish. */
function end(): void {
  port?.close()
  setTimeout(() => process.exit(0), 500).unref()
}

const handler = await load()
if (handler !== undefined) {
  port.on('message', (told: ToWorker) => {
    if (told.kind === 'go') consume(handler)
    else void (bus?.close() ?? Promise.resolve()).finally(end)
  })
  say({ kind: 'loaded' })
}
