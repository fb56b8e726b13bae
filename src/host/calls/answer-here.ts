import type { ByteBudget } from '../../broker/memory/byte-budget.js'
import type { IsMeant } from '../../broker/dead-letters/dead-letter-view.js'
import type { DeadLetterFilter } from '../../bus/contract/dead-letters.js'
import type { MemoryStatus, VanStatus } from '../../bus/contract/status.js'
import { encodeLetter } from '../../codec/payload.js'
import type { AskedOfHosts, GotArgs } from '../../wire/calls/calls.js'
import type { LetterPage } from '../../wire/calls/dead-letter-calls.js'
import { clientsStatus, type ShownSession } from '../van/clients-status.js'
import type { StatusPart } from '../van/status-of-van.js'
import type { Van } from '../van/van.js'
import { viewOf } from '../rights/follower-views.js'
import type { Seer } from '../rights/view.js'
import { seesLetter } from '../rights/delivery-rights.js'
import type { Services } from './services.js'
import { unregister } from './unregister.js'

interface Here {
  readonly van: Pick<Van, 'broker' | 'name' | 'vanStore' | 'budget'>
  readonly services: Pick<Services, 'handlers' | 'actors'> & {
    /** The clients of that van. */
    readonly clients?: ((van: string) => Iterable<ShownSession>) | undefined
    /** The memory of dead letters in all vans. */
    readonly letters?: MemoryStatus['letters'] | undefined
    /** Denials and refusals by limits, if the host has principals. */
    readonly refused?: (() => Pick<VanStatus, 'denied' | 'limited' | 'waiting'> | undefined) | undefined
  }
}

/** The answers of one host to calls that each host answers for itself. */
const ANSWERS: { readonly [N in AskedOfHosts]: (here: Here, args: GotArgs<N>) => Promise<unknown> } = {
  status: ({ van, services }) => statusPart(van, services),
  'deadLetters.page': ({ van }, args) => letterPage(van.broker, args),
  'deadLetters.replay': ({ van }, { sights = [], ...filter }) =>
    lettersHere(van, 'deadLetters.replay', filter, sights.map(viewOf)),
  'deadLetters.purge': ({ van }, { sights = [], ...filter }) =>
    lettersHere(van, 'deadLetters.purge', filter, sights.map(viewOf)),
  'backbone.unregister': ({ van, services: { handlers, actors } }, { name }) =>
    unregister(van.name, name, { handlers, actors: actors?.here }),
}

/**
 * Replays or purges letters of this host.
 *
 * @param seers only those that each of them may see
 */
export async function lettersHere(
  { broker }: Pick<Van, 'broker'>,
  name: 'deadLetters.replay' | 'deadLetters.purge',
  filter: DeadLetterFilter,
  seers: readonly Seer[],
): Promise<number> {
  await broker.ready()
  const letters = broker.control.deadLetters()
  const isMeant: IsMeant = letter => seers.every(seer => seesLetter(seer, letter))
  return name === 'deadLetters.replay'
    ? letters.replayThose(filter, isMeant)
    : letters.purgeThose(filter, isMeant)
}

/** Answers for this host alone: a client of it, or another host. */
export async function answerHere<N extends AskedOfHosts>(
  van: Here['van'],
  name: N,
  args: GotArgs<N>,
  services: Here['services'],
): Promise<unknown> {
  return ANSWERS[name]({ van, services }, args)
}

async function statusPart(
  { broker, name: van, vanStore, budget }: Here['van'],
  { handlers, actors, refused, clients, letters }: Here['services'],
): Promise<StatusPart> {
  const status = await broker.control.status()
  const { missing = [] } = vanStore ?? {}
  return {
    status: {
      ...status,
      memory: memoryOf(budget, letters),
      ...(clients === undefined ? {} : { clients: clientsStatus(clients(van), status.host.id) }),
      ...refused?.(),
      actors: actors?.here.status(van, status.host.id) ?? [],
      ...(missing.length === 0 ? {} : { missing }),
    },
    handlers: handlers?.all(van) ?? {},
  }
}

function memoryOf(budget: ByteBudget, letters: MemoryStatus['letters']): MemoryStatus {
  const { bytes, max, whole = budget } = budget
  return {
    van: { bytes, max },
    host: { bytes: whole.bytes, max: whole.max },
    ...(letters === undefined ? {} : { letters: { bytes: letters.bytes, max: letters.max } }),
  }
}

/**
 * @returns undefined if the page belongs to another host
 */
async function letterPage(
  broker: Van['broker'],
  { host, after, payloads, ...filter }: GotArgs<'deadLetters.page'>,
): Promise<LetterPage | undefined> {
  const [own] = await broker.control.hosts()
  if (own?.id !== host) return undefined
  const { letters, next } = broker.letterPage(filter, after, payloads)
  return {
    letters: letters.map(({ letter, envelope }) =>
      payloads ? encodeLetter({ ...letter, payload: envelope.body }, envelope.encoding) : letter,
    ),
    ...(next === undefined ? {} : { next }),
  }
}
