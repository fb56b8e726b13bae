import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { firstValueFrom, Observable, take, tap } from 'rxjs'
import {
  handle,
  InvalidPayloadError,
  MiddlewareError,
  publishTo,
  RemoteError,
  type Message,
  type Middleware,
} from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { collect, payloads, publishAll, rejection, reports, untilStatus, upTo } from '../support/messages.js'
import { itWith, type Connected } from './connected.js'

/** Encrypts every payload with AES-256-GCM. */
function encryption(key: Buffer): Middleware {
  return {
    publish: ({ payload, headers }, next) => {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, iv)
      const sealed = Buffer.concat([cipher.update(JSON.stringify(payload), 'utf8'), cipher.final()])
      const tag = cipher.getAuthTag().toString('base64')
      return next({ payload: sealed, headers: { ...headers, iv: iv.toString('base64'), tag } })
    },
    deliver: ({ payload, headers: { iv = '', tag = '', ...headers } }, next) => {
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64'))
      decipher.setAuthTag(Buffer.from(tag, 'base64'))
      const text = decipher.update(payload as Uint8Array, undefined, 'utf8') + decipher.final('utf8')
      next({ payload: JSON.parse(text) as unknown, headers })
    },
  }
}

const later = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

export function middleware(at: Connected): void {
  describe('middleware', () => {
    it('publish runs in the order of `use`, deliver in reverse', async () => {
      const order: string[] = []
      const named = (name: string): Middleware => ({
        publish: async ({ payload }, next) => {
          order.push(`publish ${name}`)
          await next({ payload: `${payload as string}${name}` })
        },
        deliver: ({ payload }, next) => {
          order.push(`deliver ${name}`)
          next({ payload: `${payload as string}-${name}` })
        },
      })
      const bus = at.using(named('a'), named('b'))
      const got = collect(bus.topic<string>('t'))
      await bus.ready()
      await bus.publish('t', '')
      expect(payloads(await got.first(1))).to.deep.equal(['ab-b-a'])
      expect(order).to.deep.equal(['publish a', 'publish b', 'deliver b', 'deliver a'])
    })

    itWith(at, 'severalBuses', 'headers are for every bus of the van', async () => {
      const bus = at.using({
        publish: ({ headers }, next) => next({ headers: { ...headers, tenant: 'a' } }),
      })
      const got = collect(at.another().topic('t'))
      await at.another().ready()
      await bus.publish('t', 7, { headers: { own: 'b' } })
      const [message] = await got.first(1)
      expect(message).to.deep.include({ payload: 7, headers: { own: 'b', tenant: 'a' } })
    })

    itWith(at, 'severalBuses', 'payloads are encrypted, also of requests and answers', async () => {
      const bus = at.using(encryption(Buffer.alloc(32, 1)))
      const plain = collect(at.another().topic('secret'))
      const got = collect(bus.topic('secret', { name: 'n' }).pipe(handle(message => [message.payload])))
      const asked: unknown[] = []
      bus.reply<{ n: number }>('double', message => {
        asked.push({ payload: message.payload, headers: message.headers, topic: message.topic })
        return { twice: message.payload.n * 2 }
      })
      await bus.ready()
      await at.another().ready()
      await bus.publish('secret', { card: 4242 })
      expect(await got.first(1)).to.deep.equal([{ card: 4242 }])
      const [sealed] = await plain.first(1)
      expect(Buffer.from(sealed?.payload as Uint8Array).includes('4242')).to.equal(false)
      expect(await bus.request('double', { n: 4 })).to.deep.equal({ twice: 8 })
      expect(asked).to.deep.equal([{ payload: { n: 4 }, headers: {}, topic: 'double' }])
      // Another bus has no key: the middleware of the responder fails its request.
      expect(await rejection(at.another().request('double', { n: 4 }))).to.be.instanceOf(RemoteError)
    })

    it('keeps the order of publishes when it resolves late', async () => {
      const bus = at.using({
        publish: async ({ payload }, next) => {
          await later((payload as number) % 3 === 0 ? 5 : 0)
          await next()
        },
      })
      const got = collect(bus.topic<number>('t'))
      await bus.ready()
      await publishAll(bus, 't', upTo(30))
      expect(payloads(await got.first(30))).to.deep.equal(upTo(30))
    })

    it('a publish that it makes itself at once comes before', async () => {
      const bus = at.using({
        publish: async ({ topic }, next) => {
          if (topic !== 'audit') await bus.publish('audit', topic)
          await next()
        },
      })
      const got = collect(bus.topic(/^(t|audit)$/))
      await bus.ready()
      await publishAll(bus, 't', [1, 2])
      expect(payloads(await got.first(4))).to.have.members(['t', 1, 't', 2])
    })

    it('a throw or rejection rejects the publish, and no other one', async () => {
      const bus = at.using({
        publish: ({ payload }, next) => {
          if (payload === 1) throw new Error('one')
          return payload === 2 ? Promise.reject(new Error('two')) : next()
        },
      })
      const got = collect(bus.topic('t'))
      await bus.ready()
      const [one, two, three] = [1, 2, 3].map(payload => bus.publish('t', payload))
      expect(await rejection(one ?? later(0))).to.have.property('message', 'one')
      expect(await rejection(two ?? later(0))).to.have.property('message', 'two')
      await three
      expect(payloads(await got.first(1))).to.deep.equal([3])
    })

    it('leaves messages out on both sides, and they count as done', async () => {
      const bus = at.using({
        publish: ({ payload }, next) => (payload === 1 ? undefined : next()),
        deliver: ({ payload }, next) => {
          if (payload !== 2) next()
        },
      })
      const got = collect(bus.topic('t', { name: 'n', ack: 'manual' }).pipe(tap(message => message.ack())))
      await bus.ready()
      await publishAll(bus, 't', [1, 2, 3])
      expect(payloads(await got.first(1))).to.deep.equal([3])
      await untilStatus(bus, 'n', { acked: 2, inFlight: 0, pending: 0 })
    })

    it('a throw of deliver fails the delivery, as a throw of the subscriber does', async () => {
      const bus = at.using({
        deliver: (message, next) => {
          if (message.attempt < 3 || message.payload === 'bad') throw new TypeError('not yet')
          next()
        },
      })
      const errors = reports(bus)
      const got = collect(bus.topic('t', { name: 'n', attempts: 3, delay: 1 }))
      const dead = collect(bus.deadLetters())
      await bus.ready()
      await publishAll(bus, 't', ['good', 'bad'])
      const [message] = await got.first(1)
      expect(message).to.include({ payload: 'good', attempt: 3, redelivered: true })
      expect((await dead.first(1))[0]).to.deep.include({ payload: 'bad', attempts: 3 })
      await eventually(() => expect(errors.values.map(({ code }) => code)).to.include('MSGVAN_SUBSCRIBER'))
    })

    it('each attempt sees the message as it was published', async () => {
      const seen: unknown[] = []
      const bus = at.using({
        deliver: (message, next) => {
          seen.push([message.payload, message.headers])
          next({ payload: 'changed', headers: { changed: 'yes' } })
        },
      })
      const got = collect(
        bus.topic('t', { name: 'n', delay: 1 }).pipe(
          handle(message => {
            if (message.attempt === 1) throw new Error('again')
            return [message.payload, message.headers]
          }),
        ),
      )
      await bus.ready()
      await bus.publish('t', 'published')
      await got.first(1)
      expect(seen).to.deep.equal([
        ['published', {}],
        ['published', {}],
      ])
    })

    it('is around for await, publishTo and subject, not around system topics', async () => {
      const seen: string[] = []
      const bus = at.using({
        publish: ({ topic, payload }, next) => {
          seen.push(`out ${topic}`)
          return next({ payload: `<${String(payload)}>` })
        },
        deliver: ({ topic, payload }, next) => {
          seen.push(`in ${topic}`)
          next({ payload: String(payload).slice(1, -1) })
        },
      })
      const loop = async (): Promise<unknown> => {
        for await (const message of bus.topic('b')) return message.payload
        return undefined
      }
      bus.topic('a').pipe(publishTo(bus, 'b')).subscribe()
      const looped = loop()
      const lamp = bus.subject<string>('lamp')
      const lit = firstValueFrom(lamp.pipe(take(1)))
      const dead = collect(bus.topic(/^\$dead\//))
      bus.topic('dies', { name: 'd' }).subscribe(message => message.reject('why'))
      await bus.ready()
      lamp.next('on')
      await bus.publish('dies', 'x')
      await bus.publish('a', 'x')
      expect(await looped).to.equal('x')
      expect(await lit).to.equal('on')
      await dead.first(1)
      expect(seen.filter(each => each.includes('$'))).to.deep.equal([])
    })

    it('refuses a second next(), another topic, and a promise of deliver', async () => {
      const bus = at.using({
        publish: async (message, next) => {
          if (message.topic === 'twice') await next()
          const moved = { ...message, topic: 'other' }
          await next(message.topic === 'moved' ? moved : {})
        },
      })
      expect(await rejection(bus.publish('twice'))).to.be.instanceOf(MiddlewareError)
      expect(await rejection(bus.publish('moved'))).to.be.instanceOf(MiddlewareError)
      const wrong = { headers: { n: 1 } } as unknown as { headers: Record<string, string> }
      const headers = at.using({ publish: (_message, next) => next(wrong) })
      expect(await rejection(headers.publish('t'))).to.be.instanceOf(InvalidPayloadError)
      const deliver: unknown = async (_message: Message, next: () => void) => {
        await later(0)
        next()
      }
      const asynchronous = at.using({ deliver } as Middleware)
      asynchronous.topic('t', { name: 'n', attempts: 1 }).subscribe()
      const dead = collect(asynchronous.deadLetters())
      await asynchronous.ready()
      await asynchronous.publish('t')
      expect((await dead.first(1))[0]?.error).to.match(/deliver\(\) of a middleware is synchronous/)
    })

    it('a request that it leaves out rejects, on every way', async () => {
      const leave = (out: string): Middleware => ({
        publish: ({ headers }, next, kind) =>
          out === `publish ${kind}` ? undefined : next({ headers: { ...headers, via: kind } }),
        deliver: (_message, next, kind) => {
          if (out !== `deliver ${kind}`) next()
        },
      })
      for (const out of ['publish request', 'deliver request', 'publish answer', 'deliver answer']) {
        const bus = at.using(leave(out))
        const reply = bus.reply('ask', () => 1)
        await bus.ready()
        const error = await rejection(bus.request('ask', undefined, { timeout: 5_000 }))
        expect(error, out).to.be.instanceOf(MiddlewareError)
        reply.unsubscribe()
      }
      const bus = at.using(leave(''))
      bus.reply('ask', message => new Observable(of => of.next(message.headers)))
      await bus.ready()
      expect(await bus.request('ask')).to.deep.equal({ via: 'request' })
    })

    it('close() waits for publishes that are in the middleware', async () => {
      const bus = at.using({
        publish: async (_message, next) => {
          await later(30)
          await next()
        },
      })
      const got = collect(bus.topic('t'))
      await bus.ready()
      const published = bus.publish('t', 1)
      await bus.close()
      await published
      expect(payloads(got.values)).to.deep.equal([1])
    })
  })
}
