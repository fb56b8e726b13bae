import { expect } from 'chai'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { take } from 'rxjs'
import { SchemaError } from '../../src/index.js'
import { collect, payloads, publishAll, register, reports, untilStatus, upTo } from '../support/messages.js'
import type { Connected } from './connected.js'

type Validate<O> = (value: unknown) => StandardSchemaV1.Result<O> | Promise<StandardSchemaV1.Result<O>>

function schema<O>(validate: Validate<O>): StandardSchemaV1<unknown, O> {
  return { '~standard': { version: 1, vendor: 'msgvan-spec', validate } }
}

const tenfold: Validate<number> = value =>
  typeof value === 'number'
    ? { value: value * 10 }
    : { issues: [{ message: `${typeof value} is no number` }] }

const laterTenfold: Validate<number> = async value => {
  if (value === 1) await new Promise(resolve => setImmediate(resolve))
  return tenfold(value)
}

/** Not a Promise of this realm, such as one of another library. */
const thenableTenfold: Validate<number> = value => {
  const result = Promise.resolve(tenfold(value))
  return { then: result.then.bind(result) } as never
}

export function schemas(at: Connected): void {
  for (const [kind, validate] of [
    ['sync', tenfold],
    ['async', laterTenfold],
    ['thenable', thenableTenfold],
  ] as const) {
    describe(`a ${kind} schema`, () => {
      it('gives the subscriber what it made of the payload, in order', async () => {
        const bus = at.bus()
        const seen = collect(bus.topic('t', { name: 'w', schema: schema(validate) }))
        await publishAll(bus, 't', upTo(5))
        const messages = await seen.first(5)
        expect(messages.map(message => message.payload)).to.deep.equal([10, 20, 30, 40, 50])
        await untilStatus(bus, 'w', { acked: 5 })
      })

      it('fails the delivery of what it refuses, which never reaches the subscriber', async () => {
        const bus = at.bus()
        const reported = reports(bus)
        const seen = collect(bus.topic('t', { name: 'w', attempts: 2, delay: 0, schema: schema(validate) }))
        await publishAll(bus, 't', ['wrong', 1])
        await untilStatus(bus, 'w', { failed: 2, deadLettered: 1, acked: 1 })
        expect(payloads(seen.values)).to.deep.equal([10])
        expect((await bus.deadLetters().list())[0]?.error).to.match(/SchemaError.*string is no number/)
        expect(reported.values).to.have.lengthOf(2)
        for (const report of reported.values) {
          const error = report instanceof SchemaError ? report : report.cause
          expect(error).to.be.instanceOf(SchemaError)
          expect((error as SchemaError).issues[0]?.message).to.equal('string is no number')
        }
      })

      it('leaves what comes after a take(1) untouched', async () => {
        const bus = at.bus()
        await register(bus, 'w', 't')
        await publishAll(bus, 't', upTo(3))
        const one = collect(bus.topic('t', { name: 'w', schema: schema(validate) }).pipe(take(1)))
        await one.completion()
        await untilStatus(bus, 'w', { acked: 1, pending: 2, inFlight: 0, redelivered: 0, failed: 0 })
      })
    })
  }

  describe('a schema of no use', () => {
    const useless: Record<string, Validate<unknown>> = {
      'that throws': () => {
        throw new Error('broken')
      },
      'that rejects': () => Promise.reject(new Error('broken')),
      'that gives nothing': () => undefined as unknown as StandardSchemaV1.Result<unknown>,
      'that resolves with nothing': () =>
        Promise.resolve(undefined as unknown as StandardSchemaV1.Result<unknown>),
    }
    for (const [which, validate] of Object.entries(useless)) {
      it(`${which} fails the delivery, and the next comes`, async () => {
        const bus = at.bus()
        const sometimes: Validate<unknown> = value => (value === 1 ? validate(value) : { value })
        const seen = collect(bus.topic('t', { name: 'w', attempts: 1, schema: schema(sometimes) }))
        await publishAll(bus, 't', [1, 2])
        await untilStatus(bus, 'w', { deadLettered: 1, acked: 1 })
        expect(payloads(seen.values)).to.deep.equal([2])
      })
    }
  })
}
