import { createRequire } from 'node:module'
import { expect } from 'chai'
import type * as rxjs from 'rxjs'
import { van, type Bus, type Message } from '../../../src/index.js'
import { collect, publishAll, reports, untilStatus, upTo } from '../../support/messages.js'

const require = createRequire(import.meta.url)

/** The same code, loaded once more: its classes are others than those that msgvan knows. */
function anotherCopy(): typeof rxjs {
  const loaded = (): string[] => Object.keys(require.cache).filter(path => path.includes('/rxjs/'))
  const before = loaded().map(path => [path, require.cache[path]] as const)
  for (const path of loaded()) Reflect.deleteProperty(require.cache, path)
  const copy = require('rxjs') as typeof rxjs
  for (const path of loaded()) Reflect.deleteProperty(require.cache, path)
  for (const [path, module] of before) require.cache[path] = module
  return copy
}

/** An app may have a copy of RxJS of its own, beside the one that msgvan finds. */
describe('a second copy of RxJS', () => {
  const { combineLatest, defer, firstValueFrom, map, merge, NEVER, Observable, of, repeat, retry, share, switchMap, take } = anotherCopy() // prettier-ignore
  type Shape = (topic$: rxjs.Observable<Message<number>>) => rxjs.Observable<Message<number>>
  const shapes: Record<string, Shape> = {
    'the topic itself': topic$ => topic$,
    'stock operators': topic$ => topic$.pipe(map(message => message)),
    'share()': topic$ => topic$.pipe(share()),
    merge: topic$ => merge(topic$, NEVER),
    defer: topic$ => defer(() => topic$),
    switchMap: topic$ => of(1).pipe(switchMap(() => topic$)),
    combineLatest: topic$ => combineLatest([topic$, of(1)]).pipe(map(([message]) => message)),
    'new Observable': topic$ => new Observable(subscriber => topic$.subscribe(subscriber)),
  }
  let bus: Bus
  beforeEach(() => {
    bus = van({ embedded: true })
  })
  afterEach(async () => {
    await bus.close({ drain: false })
    await new Promise(resolve => setTimeout(resolve, 5))
  })

  it('has classes of its own', async () => {
    const { Observable: ours } = await import('rxjs')
    expect(NEVER).not.to.be.instanceOf(ours)
    expect(bus.topic('t')).to.be.instanceOf(ours)
  })

  const once = ({ payload, attempt }: Message<number>): string => {
    if (payload === 2 && attempt === 1) throw new Error('once')
    return `${payload}/${attempt}`
  }
  for (const [name, shape] of Object.entries(shapes)) {
    it(`${name}: retry() gets the failed message again first`, async () => {
      const seen = collect(shape(bus.topic<number>('t')).pipe(map(once), retry()))
      await publishAll(bus, 't', upTo(3))
      expect(await seen.first(3)).to.deep.equal(['1/1', '2/2', '3/1'])
      await untilStatus(bus, 't', { acked: 3, failed: 1, inFlight: 0 })
    })

    it(`${name}: a throw in the last next fails the message, and is reported`, async () => {
      const reported = reports(bus)
      shape(bus.topic<number>('t', { delay: 1 })).subscribe(message => void once(message))
      await publishAll(bus, 't', upTo(3))
      await untilStatus(bus, 't', { acked: 3, failed: 1, inFlight: 0 })
      expect(reported.values).to.have.lengthOf(1)
    })
  }

  it('take, repeat and close() end as they do with one copy', async () => {
    const first = firstValueFrom(merge(bus.topic<number>('t'), NEVER))
    const all = collect(defer(() => bus.topic<number>('t')).pipe(take(1), repeat()))
    await publishAll(bus, 't', upTo(3))
    expect((await first).payload).to.equal(1)
    expect(all.values.map(({ payload }) => payload)).to.deep.equal([1, 2, 3])
    await bus.close()
    await all.completion()
    expect(all.errors).to.deep.equal([])
  })
})
