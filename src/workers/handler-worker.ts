import type { Bus } from '../bus/contract/bus.js'
import { createBus } from '../bus/create-bus.js'
import { keepingRules } from '../bus/contract/options.js'
import { describe } from '../errors.js'
import type { Message } from '../message/message.js'
import { handle } from '../operators/handle.js'
import { inForce } from './in-force.js'
import { connect, end, listen, loadExport, say, task } from './worker-side.js'
import type { HandlerTask } from './worker-messages.js'

/**
 * The worker's entry. It loads the module and reports that. On `go` it consumes its named subscription like any bus
 * client. A handler that throws fails its message; if its thread dies, the host starts it again.
 */

type Handler = (message: Message) => unknown

let bus: Bus | undefined

function consume(handler: Handler, { van, name, pattern, options }: HandlerTask): void {
  bus = createBus(van, connect())
  bus.errors$.subscribe(({ code, message }) => say({ kind: 'error', code, message }))
  bus
    .topic(pattern, keepingRules({ ...options, name, ack: 'manual' }))
    .pipe(handle<unknown, unknown>(message => handler(message)))
    .subscribe({ error: (error: unknown) => say({ kind: 'failed', message: describe(error) }) })
  void inForce(bus).then(
    () => say({ kind: 'running' }),
    (error: unknown) => say({ kind: 'failed', message: describe(error) }),
  )
}

const handler = await loadExport('function', exported => typeof exported === 'function')
if (handler !== undefined && task.kind === 'handler') {
  const handlerTask = task
  say({ kind: 'loaded' })
  listen(({ kind }) => {
    if (kind === 'go') consume(handler as Handler, handlerTask)
    else if (kind === 'stop') void (bus?.close() ?? Promise.resolve()).finally(end)
  })
}
