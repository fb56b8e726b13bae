import { kindNames, type Kind } from '../peers/peer.js'
import type { Stage } from '../peers/stage.js'
import { Child } from '../support/child.js'
import { quick } from '../support/flags.js'
import type { Contender } from '../support/rounds.js'
import type { Shape } from './payload.js'

/** On their way at most, or published until the loop waits: so many, and so many bytes. */
const WINDOW = 1_000
const WINDOW_BYTES = 8 * 1024 * 1024
/** A round sends so much that it takes about this long … */
const ROUND_SECONDS = quick ? 0.1 : 0.7
/** … but no more than a server may keep of it. */
const ROUND_BYTES = 256 * 1024 * 1024
/** The first one, before anything is known of how fast this is. */
const FIRST_COUNT = 1_000
const LOST_AFTER_MS = 60_000

export interface Ends {
  readonly kind: Kind
  readonly publishers: readonly Child[]
  readonly subscribers: readonly Child[]
}

export interface EndsOptions {
  readonly publishers?: number
  readonly subscribers?: number
  /** In each subscriber. */
  readonly subscriptions?: number
}

/** Processes that publish and processes that subscribe, connected. `root` keeps their topics apart from others'. */
export async function connectEnds(
  { env, present }: Stage,
  kind: Kind,
  { form }: Pick<Shape, 'form'>,
  root: string,
  { publishers = 1, subscribers = 1, subscriptions = 1 }: EndsOptions = {},
): Promise<Ends> {
  const args = [kind, String(present.get(kind)), form, root]
  const ends = {
    kind,
    subscribers: Array.from(
      { length: subscribers },
      () => new Child('ends/subscriber.js', [...args, String(subscriptions)], env),
    ),
    publishers: Array.from(
      { length: publishers },
      (_, source) => new Child('ends/publisher.js', [...args, String(source)], env),
    ),
  }
  await Promise.all([...ends.subscribers, ...ends.publishers].map(child => child.ask('ready')))
  return ends
}

export async function stopEnds(...all: readonly Ends[]): Promise<void> {
  await Promise.all(all.flatMap(ends => [...ends.publishers, ...ends.subscribers]).map(child => child.stop()))
}

/** Messages a second from all publishers together, whatever the number of subscriptions. */
export function streaming(
  ends: Ends,
  shape: Shape,
  name = kindNames[ends.kind],
  onTheirWay = WINDOW,
): Contender {
  const { publishers, subscribers } = ends
  const window = Math.max(1, Math.min(onTheirWay, Math.floor(WINDOW_BYTES / shape.size)))
  const most = Math.floor(ROUND_BYTES / shape.size / publishers.length)
  let count = Math.min(most, Math.ceil(FIRST_COUNT / publishers.length))
  const round = async (): Promise<number> => {
    const sent = count * publishers.length
    const expected = { ...shape, count, sources: publishers.length }
    await Promise.all([
      ...publishers.map(child => child.ask('prepare', shape)),
      ...subscribers.map(child => child.ask('expect', expected)),
    ])
    const start = performance.now()
    await orLost(
      Promise.all([
        ...publishers.map(child => child.ask('publish', { count, window })),
        ...subscribers.map(child => child.ask('received')),
      ]),
      async () => {
        const counts = await Promise.all(subscribers.map(child => child.ask<number[]>('counts')))
        return `${name}: of ${sent} messages there came ${counts.flat().join(', ')}`
      },
    )
    const seconds = (performance.now() - start) / 1_000
    for (const child of subscribers) {
      const wrong = await child.ask<string | undefined>('wrong')
      if (wrong !== undefined) throw new Error(`${name}: ${wrong}`)
    }
    const perSecond = sent / seconds
    count = Math.max(1, Math.min(most, Math.round((perSecond * ROUND_SECONDS) / publishers.length)))
    return perSecond
  }
  return { name, round }
}

/** So many messages a second from each publisher, until it is stopped; then all that was sent must have arrived. */
export function paced(ends: Ends, shape: Shape, perSecond: number): { stop(): Promise<void> } {
  const { publishers, subscribers } = ends
  const begun = (async () => {
    const expected = { ...shape, count: Number.MAX_SAFE_INTEGER, sources: publishers.length }
    await Promise.all([
      ...publishers.map(child => child.ask('prepare', shape)),
      ...subscribers.map(child => child.ask('expect', expected)),
    ])
    return Promise.all(publishers.map(child => child.ask<number>('pace', { perSecond })))
  })()
  begun.catch(() => undefined)
  return {
    stop: async () => {
      await Promise.all(publishers.map(child => child.ask('stop')))
      const sent = (await begun).reduce((sum, each) => sum + each, 0)
      await orLost(
        Promise.all(subscribers.map(child => child.ask('receivedSoMany', sent))),
        async () => `${kindNames[ends.kind]}: of ${sent} messages some were lost`,
      )
      for (const child of subscribers) {
        const wrong = await child.ask<string | undefined>('wrong')
        if (wrong !== undefined) throw new Error(`${kindNames[ends.kind]}: ${wrong}`)
      }
    },
  }
}

async function orLost<T>(work: Promise<T>, say: () => Promise<string>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const lost = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      say().then(text => reject(new Error(text)), reject)
    }, LOST_AFTER_MS)
  })
  try {
    return await Promise.race([work, lost])
  } finally {
    clearTimeout(timer)
  }
}
