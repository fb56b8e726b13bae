import { expect } from 'chai'
import type { ActorRequest } from '../../../src/bus/contract/actors.js'
import { encodePayload } from '../../../src/codec/payload.js'
import { InvalidOptionError } from '../../../src/errors.js'
import { HostRequests } from '../../../src/host/backbone/host-requests.js'
import {
  decodeHostRequest,
  encodeHostRequest,
  HOST_REQUESTS,
  readAnswer,
  type RequestName,
  type SentRequest,
} from '../../../src/wire/calls/host-requests.js'
import { request as subscription } from '../../support/local-broker.js'
import { rejection } from '../../support/rejection.js'

const NAMES = Object.keys(HOST_REQUESTS) as RequestName[]

const WRONG = [
  undefined,
  null,
  5,
  'text',
  [],
  {},
  { van: 5 },
  { van: 'v', self: 5, id: [], name: 5, parent: {}, requires: 'all', level: 'loud', text: 5 },
]

const actor: ActorRequest = {
  module: 'file:///m.js',
  export: 'default',
  name: undefined,
  encodedArgs: encodePayload({ a: 1 }),
  instances: 2,
  requires: { gpu: true },
  isolation: 'thread',
  attempts: 2,
  setupTimeout: 1_000,
  parent: 'p',
  principal: undefined,
}
const bornOf = { incarnation: 'i', host: 'h' }
const wanted = { van: 'v', request: actor, asking: 'h', ticket: 't', parentAt: 'g', bornOf }
const self = { id: 'a', name: 'n' }
const unset = { incarnation: undefined, principal: undefined, sight: undefined, servedSince: undefined, origin: undefined, isResumed: undefined, expired: undefined, from: undefined, given: undefined, joins: undefined, paused: undefined, match: undefined, earlierMatches: undefined, rate: undefined, concurrency: undefined } // prettier-ignore
const named = { ...subscription({ pattern: /^a/u, ...unset }), name: 's' }

describe('the table of requests between hosts', () => {
  it('refuses wrong arguments with one error, whichever request it is, and runs no handler', async () => {
    const requests = new HostRequests()
    for (const name of NAMES) {
      requests.serve(name, () => expect.fail(`${name} was handled`))
      for (const args of WRONG)
        expect(
          await rejection(requests.handle(name, args, 'h')),
          `${name} ${JSON.stringify(args)}`,
        ).to.be.instanceOf(InvalidOptionError)
    }
  })

  it('refuses an unknown name with one error', async () => {
    const requests = new HostRequests()
    for (const name of ['no.such', 'toString', '__proto__', 'actors.find'])
      expect(await rejection(requests.handle(name, {}, 'h')), name).to.include({ code: 'MSGVAN_UNSUPPORTED' })
  })

  it('gives the asked host the arguments that the asking host gave', () => {
    const crosses = <N extends RequestName>(name: N, args: SentRequest<N>): void => {
      expect(decodeHostRequest(name, encodeHostRequest(name, args)), name).to.deep.equal(args)
    }
    crosses('actors.find', { van: 'v', name: 'n' })
    crosses('actors.place', { ...wanted, id: 'a' })
    crosses('actors.start', { ...wanted, id: 'a', within: 5 })
    crosses('actors.stop', { van: 'v', id: 'a', detail: 'd', isUnmissed: true })
    crosses('actors.subscribe', { van: 'v', name: 's', id: 'a', request: { ...named, principal: 'root' } })
    crosses('actors.offer', { requires: { gpu: true }, id: 'a' })
    crosses('actors.crew', {
      ...{ van: 'v', self, request: actor, numbers: [1, 2], asking: 'h', ticket: 't', within: undefined },
      ...{ isAgain: true, subscriptions: [named] },
    })
    crosses('actors.crewSubscribe', { van: 'v', self, subscriptions: [named] })
    crosses('actors.crewEnded', { van: 'v', self, reason: 'crashed', detail: 'd' })
    crosses('actors.adopt', { van: 'v', self, parent: 'p', host: 'h', bornOf })
    crosses('actors.childExited', { van: 'v', parent: 'p', child: self, reason: 'unfit', detail: 'd' })
    crosses('actors.log', { level: 'info', text: 't' })
  })

  it('reads the answers of older hosts, and refuses those that are none', () => {
    expect(readAnswer('actors.find', undefined)).to.equal(undefined)
    expect(readAnswer('actors.offer', { load: 1 })).to.deep.equal({ load: 1, lacks: undefined })
    expect(readAnswer('actors.start', { refused: 'r', requires: { gpu: true } })).to.deep.equal({
      ...{ refused: 'r', requires: { gpu: true } },
    })
    // Only a clear "no" ends instances.
    expect(readAnswer('actors.crewWanted', undefined)).to.equal(true)
    expect(readAnswer('actors.crewWanted', false)).to.equal(false)
    for (const name of [
      'actors.place',
      'actors.named',
      'actors.offer',
      'actors.start',
      'actors.crew',
    ] as const)
      expect(() => readAnswer(name, 'text'), name).to.throw(InvalidOptionError)
  })
})
