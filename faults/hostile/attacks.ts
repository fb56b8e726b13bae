import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { encodeRequest } from '../../src/wire/frames/subscription-request.js'
import { Rogue } from '../../spec/support/rogue.js'
import type { Scale } from '../scenario.js'

/** A host, with what its user knows. */
export interface Target {
  readonly port: number
  readonly secret: Uint8Array
}

/** @returns what became of it */
export type Attack = (host: Target, scale: Scale) => Promise<string>

const VAN = 'hostile'
const MEGABYTE = 1024 * 1024
const LOOKS = 40
const LOOK_MS = 100
const rules = {
  ordered: false,
  prefetch: 1_000_000,
  attempts: 5,
  delay: 100,
  ackTimeout: 0,
  maxPending: 1_000_000_000,
  maxPendingBytes: 2 ** 50,
  overflow: 'pause',
} as const

async function enter({ port, secret }: Target, van = VAN): Promise<Rogue> {
  const url = `http://127.0.0.1:${port}`
  const rogue = await Rogue.join({ url, credential: { secret }, van })
  rogue.keeps = false
  return rogue
}

/** Sends until the host ends the connection, or so often. */
async function insist(rogue: Rogue, most: number, send: (n: number) => void): Promise<string> {
  let reason: string | undefined
  void rogue.lost.then(error => (reason = error.code))
  let sent = 0
  for (; sent < most && reason === undefined; sent += 1) {
    send(sent)
    await turn()
  }
  // The host has not read everything yet.
  for (let looks = 0; looks < LOOKS && reason === undefined; looks += 1) await sleep(LOOK_MS)
  rogue.close()
  return `${reason ?? 'no error'} after ${sent.toLocaleString('en-US')} frames`
}

function subscribe(rogue: Rogue, subscription: number, pattern: string): void {
  rogue.call('subscribe', { subscription, request: encodeRequest({ pattern, ...rules }) })
}

const of = (scale: Scale, short: number, long: number): number => (scale === 'short' ? short : long)

/** What a client with this user's secret can do to take a host's memory. */
export const attacks: Readonly<Record<string, Attack>> = {
  'replies that are never read': async (host, scale) => {
    const rogue = await enter(host)
    return insist(rogue, of(scale, 50_000, 500_000), () => rogue.call('status'))
  },
  'refused publishes': async (host, scale) => {
    const rogue = await enter(host)
    return insist(rogue, of(scale, 20_000, 200_000), () =>
      rogue.publish('$refused', Array<number>(100).fill(1)),
    )
  },
  'limits and credit that it ignores': async (host, scale) => {
    const rogue = await enter(host)
    for (let n = 1; n <= 20; n += 1) subscribe(rogue, n, `t${n}`)
    const payload = Buffer.alloc(100_000)
    return insist(rogue, of(scale, 5_000, 20_000), n => rogue.publish(`t${1 + (n % 20)}`, [payload]))
  },
  'messages of one byte in frames of 4 MiB': async (host, scale) => {
    const rogue = await enter(host, 'hostile small')
    subscribe(rogue, 1, 'kept')
    const rest = Buffer.alloc(4 * MEGABYTE)
    return insist(rogue, of(scale, 100, 500), () =>
      rogue.publishAll([
        ['kept', 1],
        ['nobody', rest],
      ]),
    )
  },
  'readers that stand still': async (host, scale) => {
    const readers = await Promise.all(Array.from({ length: of(scale, 20, 60) }, () => enter(host)))
    for (const reader of readers) subscribe(reader, 1, 'all')
    const rogue = await enter(host)
    const payload = Buffer.alloc(MEGABYTE)
    const outcome = await insist(rogue, of(scale, 100, 300), () => rogue.publish('all', [payload]))
    for (const reader of readers) reader.close()
    return outcome
  },
  vans: async (host, scale) => {
    const count = of(scale, 300, 3_000)
    for (let n = 0; n < count; n += 1) {
      const rogue = await enter(host, `hostile ${n}`)
      subscribe(rogue, 1, 't')
      rogue.publish('t', [1])
      rogue.close()
    }
    return `${count} vans`
  },
  'instances of an actor': async host => {
    const rogue = await enter(host)
    rogue.keeps = true
    rogue.call('actors.create', {
      module: new URL('../../../spec/fixtures/actors.js', import.meta.url).href,
      export: 'Memory',
      instances: 60,
      attempts: 5,
      setupTimeout: 10_000,
      requires: {},
      isolation: 'thread',
      args: [],
    })
    const giveUp = performance.now() + 10_000
    while (rogue.frames.length === 0 && performance.now() < giveUp) await turn()
    const answer = Buffer.from(rogue.frames[0]?.bytes ?? []).toString()
    rogue.close()
    return /MSGVAN_[A-Z]+/.exec(answer)?.[0] ?? `answer ${JSON.stringify(answer)}`
  },
}
