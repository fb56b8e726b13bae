import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { filter, firstValueFrom } from 'rxjs'
import { isHostAwaited } from '../../src/daemon/connect.js'
import {
  AuthError,
  ForbiddenError,
  HostUnreachableError,
  InvalidOptionError,
  NotInstalledError,
  PortTakenError,
  VersionMismatchError,
  type MsgvanError,
} from '../../src/errors.js'
import { clientOf, startServer } from '../support/host-server.js'
import { eventually } from '../support/eventually.js'
import { collect, payloads, reports } from '../support/messages.js'
import { freePort } from '../support/ports.js'

interface Row {
  /** Undefined: nothing listens. */
  readonly error: MsgvanError | undefined
  readonly wasThere: boolean
  readonly publishes: 'wait' | 'refused'
}

const rows: readonly Row[] = [
  { error: undefined, wasThere: false, publishes: 'wait' },
  { error: new HostUnreachableError('It did not start.'), wasThere: true, publishes: 'wait' },
  { error: new HostUnreachableError('It did not start.'), wasThere: false, publishes: 'refused' },
  { error: new PortTakenError('A web server is there.'), wasThere: true, publishes: 'wait' },
  { error: new PortTakenError('A web server is there.'), wasThere: false, publishes: 'refused' },
  { error: new InvalidOptionError('It has a store.'), wasThere: true, publishes: 'refused' },
  { error: new NotInstalledError('A bundle.'), wasThere: true, publishes: 'refused' },
  { error: new AuthError('Wrong token.'), wasThere: true, publishes: 'refused' },
  { error: new ForbiddenError('Not in this van.'), wasThere: true, publishes: 'refused' },
  { error: new VersionMismatchError('Protocol 9.'), wasThere: true, publishes: 'refused' },
]

describe('publishes while no host answers', () => {
  for (const { error, wasThere, publishes } of rows) {
    const title = `${error?.code ?? 'nothing listens'}, ${wasThere ? 'there was a host' : 'there was none'}`
    it(`${title}: ${publishes}`, async () => {
      const port = await freePort()
      const there = { now: false }
      const fails = error !== undefined
      const { bus } = clientOf(port, {
        locate: () =>
          fails && !there.now ? Promise.reject(error) : Promise.resolve(`http://127.0.0.1:${port}`),
        isHostAwaited: reason => isHostAwaited(reason, wasThere),
      })
      const problems = reports(bus)
      const received = collect(bus.topic<number>('t'))
      const outcomes: string[] = []
      const publish = (payload: number) =>
        void bus.publish('t', payload).then(
          () => outcomes.push('taken'),
          (refusal: unknown) => outcomes.push((refusal as MsgvanError).code),
        )
      // One waits when the first attempt fails, one comes after several.
      publish(1)
      if (error !== undefined) await problems.first(1)
      await new Promise(resolve => setTimeout(resolve, 200))
      publish(2)
      await new Promise(resolve => setTimeout(resolve, 20))
      const code = error?.code ?? ''
      expect(outcomes).to.deep.equal(publishes === 'wait' ? [] : [code, code])
      expect(problems.values.map(problem => problem.code)).to.deep.equal(error === undefined ? [] : [code])

      const server = await startServer({ port })
      there.now = true
      try {
        await firstValueFrom(bus.state$.pipe(filter(state => state === 'connected')))
        await bus.ready()
        await bus.publish('t', 3)
        await eventually(() => expect(payloads(received.values)).to.include(3))
        expect(payloads(received.values)).to.deep.equal(publishes === 'wait' ? [1, 2, 3] : [3])
      } finally {
        await bus.close()
        await server.close()
      }
    })
  }

  it('is what docs/errors.md says', () => {
    const text = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
    const table = text.slice(text.indexOf('## While no host answers'))
    const documented = [...table.matchAll(/^\| ([^|]+) \| `(MSGVAN_\w+)`[^|]* \| (\w+) \|$/gm)].map(
      ([, reason = '', code, publishes]) => ({ code, publishes, saysNone: reason.includes('was no') }),
    )
    expect(documented).to.deep.equal(
      rows.map(({ error, wasThere, publishes }) => ({
        code: error?.code ?? 'MSGVAN_HOST_UNREACHABLE',
        publishes,
        saysNone: error !== undefined && !wasThere,
      })),
    )
  })
})
