import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import type { Observable } from 'rxjs'
import { map, retry, tap } from 'rxjs'
import {
  GapError,
  handle,
  MsgvanError,
  van,
  type Bus,
  type Message,
  type TopicOptions,
} from '../../src/index.js'
import { Random } from '../support/random.js'
import { History, KEYS, TELLER, type Key, type SubscriptionRules } from './history.js'

/** What one process of the cast does. As one JSON argument. */
export interface Part {
  readonly who: string
  /** By which the history calls the host at this port. */
  readonly host: string
  readonly port: number
  readonly folder: string
  readonly seed: number
  readonly publishers: readonly string[]
  /** One of them that publishes less. */
  readonly slow?: string
  readonly subscriptions: readonly Subscribing[]
  /** The name of an actor that is told what is published, by one publisher of its own. */
  readonly tells?: string
}

export interface Subscribing {
  readonly sub: string
  readonly how: 'handle' | 'auto' | 'retry' | 'strict'
  readonly rules: SubscriptionRules
  readonly options?: TopicOptions<Key>
}

const part = JSON.parse(process.argv[2] ?? '') as Part
const history = new History(part.folder, part.who)
history.write({ what: 'placed', host: part.host })
const random = new Random(part.seed)
let isTold = false
process.stdin.on('end', () => (isTold = true)).resume()

function open(sub?: string): Bus {
  const bus = van({ port: part.port, autoStart: false })
  bus.errors$.subscribe(error => {
    history.write({ what: 'trouble', code: error.code, text: error.message.slice(0, 300) })
    if (error instanceof GapError && sub !== undefined) history.write({ what: 'gap', subs: [sub] })
  })
  return bus
}

async function publish(bus: Bus, key: Key): Promise<void> {
  history.write({ what: 'called', ...key })
  try {
    await bus.publish(`together.${key.by}`, key, { key: `${key.by}-${key.n % KEYS}` })
    history.write({ what: 'taken', ...key })
  } catch (error) {
    history.write({
      what: 'refused',
      code: error instanceof MsgvanError ? error.code : String(error),
      ...key,
    })
  }
}

async function publishAll(by: string): Promise<void> {
  const bus = open()
  for (let n = 1; !isTold;) {
    const batch = random.between(1, 6)
    await Promise.all(Array.from({ length: batch }, () => publish(bus, { by, n: n++ })))
    const pause = random.between(20, 120)
    await sleep(by === part.slow ? 5 * pause : pause)
  }
  await bus.close()
}

/** Tells one by one: what is refused is told again. */
async function tellAll(name: string): Promise<void> {
  const bus = open()
  const by = `${TELLER}${name}`
  for (let n = 1; !isTold; n++) {
    const actor = await bus.actors.find(name).catch(() => undefined)
    if (actor === undefined) {
      n--
      await sleep(100)
      continue
    }
    history.write({ what: 'called', by, n })
    try {
      await actor.tell({ by, n })
      history.write({ what: 'taken', by, n })
    } catch (error) {
      history.write({
        what: 'refused',
        code: error instanceof MsgvanError ? error.code : String(error),
        by,
        n,
      })
    }
    await sleep(random.between(20, 120))
  }
  await bus.close()
}

function begun(sub: string, { payload, attempt, redelivered }: Message<Key>): void {
  history.write({ what: 'begun', sub, by: payload.by, n: payload.n, attempt, redelivered })
}

function done(sub: string, { payload }: Message<Key>): void {
  history.write({ what: 'done', sub, by: payload.by, n: payload.n })
}

const rejected = new Set<string>()

function consume(messages: Observable<Message<Key>>, { sub, how }: Subscribing): void {
  if (how === 'handle') {
    const work = async (message: Message<Key>): Promise<void> => {
      begun(sub, message)
      if (message.payload.n % 7 === 0) await sleep(random.between(1, 15))
      else await turn()
      if (message.payload.n % 23 === 0 && message.attempt === 1) {
        history.write({ what: 'failed', sub, by: message.payload.by, n: message.payload.n })
        throw new Error('at the first attempt')
      }
      done(sub, message)
    }
    messages.pipe(handle(work, { concurrency: 4 })).subscribe()
  } else if (how === 'retry') {
    messages
      .pipe(
        tap(message => begun(sub, message)),
        map(message => {
          const { by, n } = message.payload
          if (n % 31 === 0 && message.attempt === 1) {
            history.write({ what: 'failed', sub, by, n })
            throw new Error('in the pipe')
          }
          return message
        }),
        retry(),
      )
      .subscribe(message => done(sub, message))
  } else {
    messages.subscribe(message => {
      begun(sub, message)
      const { by, n } = message.payload
      const key = `${by}/${n}`
      if (how === 'strict' && n % 41 === 0 && !rejected.has(key)) {
        rejected.add(key)
        history.write({ what: 'rejected', sub, by, n })
        message.reject('not yet')
      } else done(sub, message)
    })
  }
}

await Promise.all(
  part.subscriptions.map(async each => {
    const bus = open(each.sub)
    consume(
      bus.topic<Key>(each.rules.of === undefined ? /^together\./ : `together.${each.rules.of}`, {
        delay: 50,
        ...each.options,
      }),
      each,
    )
    await bus.ready()
    history.write({ what: 'subscribed', sub: each.sub, rules: each.rules })
  }),
)
console.log('ready')
await Promise.all([
  ...part.publishers.map(publishAll),
  ...(part.tells === undefined ? [] : [tellAll(part.tells)]),
])
if (part.subscriptions.length === 0) process.stdin.destroy()
