import { setTimeout as sleep } from 'node:timers/promises'
import { MsgvanError, van, type Bus } from '../../src/index.js'
import { now } from '../support/clock.js'
import { content } from '../support/content.js'
import { Journal } from '../support/journal.js'
import { placeOf, readJob, type PublisherJob } from './job.js'

// Publishes what it was told to, and writes down what it asked for and what the van accepted. Stops early, after the batch in
// hand, when its standard input ends.

const job = readJob<PublisherJob>()
const journal = new Journal(job.journal)
const { count = Infinity, batch, bytes, pause = 0, fatal = {}, death } = job

let isTold = false
process.stdin.on('end', () => (isTold = true)).resume()

function die(turns: number): void {
  if (turns > 0) {
    setImmediate(() => die(turns - 1))
    return
  }
  journal.write('killed', now())
  process.kill(process.pid, 'SIGKILL')
}

async function publishAll(publisher: string, bus: Bus): Promise<void> {
  // A gap means another host: its sessions outlast every cut of these scenarios.
  let hosts = 0
  bus.errors$.subscribe(({ code }) => {
    journal.write('trouble', publisher, code, now())
    if (code === 'MSGVAN_GAP') hosts += 1
  })
  const publish = async (sequence: number): Promise<void> => {
    try {
      await bus.publish(`faults.${publisher}`, content(publisher, sequence, bytes, fatal[sequence] ?? 0))
      journal.write('taken', publisher, sequence, hosts, now())
    } catch (error) {
      journal.write('refused', publisher, sequence, error instanceof MsgvanError ? error.code : 'unknown')
    }
  }
  for (let first = 1; first <= count && !isTold; first += batch) {
    const last = Math.min(first + batch - 1, count)
    journal.write('called', publisher, first, last, now())
    const publishes: Promise<void>[] = []
    for (let sequence = first; sequence <= last; sequence += 1) {
      publishes.push(publish(sequence))
      if (sequence === death?.at) die(death.turns)
    }
    await Promise.all(publishes)
    if (pause > 0) await sleep(pause)
  }
}

const buses = job.publishers.map(() => van({ ...placeOf(job), autoStart: false }))
await Promise.all(job.publishers.map((publisher, at) => publishAll(publisher, buses[at] as Bus)))
await Promise.all(buses.map(bus => bus.close()))
process.stdin.destroy()
