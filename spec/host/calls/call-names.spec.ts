import { expect } from 'chai'
import type { SubscriptionRequest } from '../../../src/bus/contract/subscription-request.js'
import { InvalidOptionError } from '../../../src/errors.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import {
  CALLS,
  decodeArgs,
  isCallName,
  traitsOf,
  type CallName,
  type GotArgs,
  type SentArgs,
} from '../../../src/wire/calls/calls.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { rejection } from '../../support/messages.js'

const request: SubscriptionRequest = {
  pattern: /^a\.(b|c)/i,
  name: 'n',
  incarnation: undefined,
  from: undefined,
  ordered: true,
  prefetch: 5,
  attempts: 3,
  delay: 100,
  ackTimeout: 0,
  maxPending: 1_000,
  maxPendingBytes: 1_000_000,
  overflow: 'pause',
  match: { headers: { tenant: 'a' } },
  earlierMatches: undefined,
  expired: undefined,
  given: undefined,
  joins: undefined,
  principal: undefined,
  sight: undefined,
  servedSince: undefined,
  paused: undefined,
  rate: { messages: 100, per: 1_000 },
  concurrency: 4,
  origin: undefined,
  isResumed: undefined,
}

/** Calls that accept an empty object: they have no arguments, or the host checks them where it uses them. */
const ACCEPT_NOTHING: readonly CallName[] = [
  ...(['ready', 'status', 'hosts', 'deadLetters.replay', 'deadLetters.purge'] as const),
  ...(['backbone.answer', 'backbone.continued', 'backbone.host'] as const),
  ...(['host.stop', 'host.capabilities', 'host.joining', 'host.registrations', 'host.settings'] as const),
]

describe('the table of calls', () => {
  let server: HostServer
  let client: ReturnType<typeof clientOf>

  before(async () => {
    server = await startServer()
    client = clientOf(server.port)
    await client.bus.ready()
  })

  after(async () => {
    await client.bus.close({ drain: false })
    await server.close()
  })

  /** As a client of another version, or a hostile one, calls. */
  const outcome = (name: string, args: unknown = {}) =>
    client.broker.call(name as 'host.capabilities', args).then(() => '', String)

  it('refuses an unknown name on the host, and gives it no traits', async () => {
    for (const name of [
      'no.such',
      'host.no.such',
      'backbone.no.such',
      'toString',
      '__proto__',
      'constructor',
    ]) {
      expect(await outcome(name), name).to.contain('has no call')
      expect(isCallName(name), name).to.equal(false)
      expect(traitsOf(name), name).to.deep.equal({})
    }
    expect(await rejection(client.broker.call('no.such' as 'ready'))).to.include({
      code: 'MSGVAN_UNSUPPORTED',
    })
  })

  it('refuses calls that only hosts make, and calls to a process that does not exist', async () => {
    expect(await outcome('backbone.unregister', { name: 'n' })).to.contain('has no call')
    expect(await outcome('backbone.request')).to.contain('Only a host that has joined')
    expect(await outcome('host.stop')).to.contain('has no call')
  })

  it('refuses wrong arguments with one error, whichever call it is', () => {
    for (const name of Object.keys(CALLS) as CallName[])
      for (const args of [
        undefined,
        null,
        5,
        'text',
        [],
        {},
        { subscription: 'no number', name: 5, id: [] },
      ]) {
        const decode = () => decodeArgs(name, args)
        const isAccepted = ACCEPT_NOTHING.includes(name)
        if (!isAccepted) expect(decode, `${name} ${JSON.stringify(args)}`).to.throw(InvalidOptionError)
      }
  })

  it('refuses wrong arguments over the link', async () => {
    for (const [name, args] of [
      ['unsubscribe', { name: 5 }],
      ['actors.stop', {}],
      ['away', { subscription: 0, isAway: true }],
      ['books', { subscription: 1 }],
      ['deadLetters.page', { host: 'h', after: -1, payloads: true }],
      ['deadLetters.purge', { subscription: 5 }],
      ['actors.find', undefined],
    ] as const)
      expect(await rejection(client.broker.call(name as 'host.capabilities', args)), name).to.include({
        code: 'MSGVAN_INVALID_OPTION',
      })
    // Positive control: the same call with right arguments.
    expect(await client.broker.call('unsubscribe', { name: 'none' })).to.equal(false)
  })

  it('gives the host the arguments that the caller gave', () => {
    const lists = { allow: ['a.*'], deny: ['b'] }
    const sight = { owner: 'ada', subscribe: lists, deadLetters: { allow: [], deny: [] }, hosts: true }
    const crosses = <N extends CallName>(name: N, args: SentArgs<N>): void => {
      const encode = CALLS[name].args.encode as (sent: SentArgs<N>) => unknown
      const got: GotArgs<N> = decodeArgs(name, encode(args))
      expect(got, name).to.deep.equal(args)
    }
    crosses('subscribe', { subscription: 7, request, endsWithHost: true, settled: undefined, isAgain: true })
    const forged = { subscription: 7, request: { ...request, principal: 'root' }, endsWithHost: true, settled: undefined, isAgain: false } // prettier-ignore
    expect(decodeArgs('subscribe', CALLS.subscribe.args.encode(forged)).request.principal).to.equal(undefined)
    const verdict = { publisher: 'p', sequence: 3, attempt: 2, verdict: 'reject', error: 'why' } as const
    crosses('subscribe', {
      ...{ subscription: 7, request, endsWithHost: false, isAgain: false },
      settled: { incarnation: 'i', verdicts: [{ ...verdict, delay: undefined, attempts: undefined }] },
    })
    crosses('handlers.register', { name: 'n', module: 'file:///m.js', export: 'default', isolation: 'process', request }) // prettier-ignore
    crosses('actors.subscribe', { name: 'n', id: 'a', request })
    crosses('backbone.replace', { request })
    crosses('backbone.crowded', { id: 's', pattern: /^a/u, isCrowded: true })
    crosses('deadLetters.page', { host: 'h', after: 3, payloads: false, subscription: 's' })
    crosses('deadLetters.replay', { id: 'm' })
    crosses('deadLetters.purge', { subscription: 's', sights: [sight] })
    crosses('backbone.replace', { request: { ...request, sight } })
    crosses('away', { subscription: 1, isAway: false })
    crosses('states.get', { topic: 't' })
    crosses('states.change', { topic: 't', value: Uint8Array.of(1), expected: 3, by: 'b', number: 2 })
    crosses('states.keys', { pattern: /^a/u })
  })
})
