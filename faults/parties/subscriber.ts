import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { handle, van, type Bus, type Message } from '../../src/index.js'
import { now } from '../support/clock.js'
import { isContent, isIntact } from '../support/content.js'
import { Journal } from '../support/journal.js'
import { placeOf, readJob, type SubscriberJob } from './job.js'
import { twinBus } from './twin.js'

// Handles what comes, which means: writes it down. What is written down was handled, acked or not.

const job = readJob<SubscriberJob>()
const journal = new Journal(job.journal)
const { mode, bytes, work = 0, concurrency = 1, prefetch, attempts } = job

function writeDown(subscriber: string, { payload, attempt, redelivered }: Message): void {
  if (!isContent(payload)) {
    journal.write('handled', subscriber, '?', 0, attempt, Number(redelivered), 0, now())
    return
  }
  const { publisher, sequence } = payload
  const intact = Number(isIntact(payload, bytes))
  journal.write('handled', subscriber, publisher, sequence, attempt, Number(redelivered), intact, now())
}

/** Between handling and ack. */
function dieOf({ payload, attempt }: Message): void {
  if (!isContent(payload) || attempt > payload.fatal) return
  journal.write('killed', now())
  process.kill(process.pid, 'SIGKILL')
}

/** Work that takes its time, and at least a turn of the event loop. */
async function workOn(subscriber: string, message: Message): Promise<void> {
  writeDown(subscriber, message)
  if (work > 0) await sleep(work)
  else await turn()
  dieOf(message)
}

function listen(bus: Bus, subscriber: string, pattern: RegExp): void {
  const name = job.areNamed === true ? subscriber : job.name
  const messages = bus.topic(pattern, {
    ack: mode === 'manual' ? 'manual' : 'auto',
    delay: 20,
    ...(name === undefined ? {} : { name }),
    ...(prefetch === undefined ? {} : { prefetch }),
    ...(attempts === undefined ? {} : { attempts }),
  })
  if (mode === 'handle') {
    messages.pipe(handle(message => workOn(subscriber, message), { concurrency })).subscribe()
    return
  }
  messages.subscribe(message => {
    if (mode === 'auto') {
      writeDown(subscriber, message)
      dieOf(message)
    } else {
      void workOn(subscriber, message).then(() => message.ack())
    }
  })
}

const buses = Object.entries(job.subscribers).map(([subscriber, pattern]) => {
  const bus =
    job.twin === undefined ? van({ ...placeOf(job), autoStart: false }) : twinBus(job.port, job.twin)
  bus.errors$.subscribe(({ code }) => {
    journal.write('trouble', subscriber, code, now())
    // In force once more, at a host that had never heard of it.
    if (code === 'MSGVAN_GAP') void turn().then(() => inForce(bus, subscriber))
  })
  listen(bus, subscriber, new RegExp(pattern))
  return { bus, subscriber }
})

async function inForce(bus: Bus, subscriber: string): Promise<void> {
  await bus.ready()
  journal.write('ready', subscriber, now())
}

await Promise.all(buses.map(({ bus, subscriber }) => inForce(bus, subscriber)))
console.log('ready')
