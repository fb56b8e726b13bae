import type { Connection, ConnectionKind } from '../support/connections.js'
import { aborting } from './aborting.js'
import type { Connected } from './connected.js'
import { creationFunctions } from './creation-functions.js'
import { deadLetters } from './dead-letters.js'
import { deferring } from './deferring.js'
import { delaying } from './delaying.js'
import { delivery } from './delivery.js'
import { draining } from './draining.js'
import { failure } from './failure.js'
import { flow } from './flow.js'
import { handling } from './handling.js'
import { lifecycle } from './lifecycle.js'
import { looping } from './looping.js'
import { matching } from './matching.js'
import { middleware } from './middleware.js'
import { matchingHeaders } from './matching-headers.js'
import { named } from './named.js'
import { nesting } from './nesting.js'
import { ordering } from './ordering.js'
import { orderingByKey } from './ordering-by-key.js'
import { payloadRules } from './payloads.js'
import { randomPipelines } from './random-pipelines.js'
import { replay } from './replay.js'
import { pausing } from './pausing.js'
import { publishing } from './publishing.js'
import { remoteObservables } from './remote-observables.js'
import { requesting } from './requesting.js'
import { retrying } from './retrying.js'
import { rulesOfAName } from './rules-of-a-name.js'
import { rxjsSemantics } from './rxjs-semantics.js'
import { schemas } from './schemas.js'
import { sharing } from './sharing.js'
import { siblings } from './siblings.js'
import { settlement } from './settlement.js'
import { states } from './states.js'
import { statusOfVan } from './status.js'
import { subjects } from './subjects.js'
import { takingAway } from './taking-away.js'
import { throttling } from './throttling.js'
import { throwingListeners } from './throwing-listeners.js'
import { throwingWork } from './throwing-work.js'
import { wildcards } from './wildcards.js'
import { wrongArguments } from './wrong-arguments.js'

export type Theme = (at: Connected) => void

const themes: readonly Theme[] = [
  matching,
  matchingHeaders,
  wildcards,
  delivery,
  publishing,
  delaying,
  payloadRules,
  ordering,
  orderingByKey,
  nesting,
  rxjsSemantics,
  retrying,
  creationFunctions,
  randomPipelines,
  settlement,
  failure,
  deadLetters,
  named,
  rulesOfAName,
  pausing,
  throttling,
  handling,
  takingAway,
  looping,
  siblings,
  sharing,
  flow,
  schemas,
  subjects,
  remoteObservables,
  requesting,
  states,
  middleware,
  statusOfVan,
  lifecycle,
  aborting,
  draining,
  throwingListeners,
  throwingWork,
  deferring,
  wrongArguments,
  replay,
]

/**
 * The contract, as tests: one suite for every way of being connected.
 * @param only where all the rest was tested another way
 */
export function conformance(kind: ConnectionKind, only = themes): void {
  describe(`the contract, ${kind.name}`, () => {
    let connection: Connection | undefined
    const connected = (): Connection => {
      if (connection === undefined) throw new Error('not open')
      return connection
    }
    const at: Connected = {
      kind,
      bus: () => connected().bus(),
      another: () => connected().another(),
      using: (...use) => connected().using(...use),
    }

    before(() => kind.start?.())
    after(() => kind.stop?.())
    beforeEach(async () => {
      connection = await kind.open()
    })
    afterEach(() => connected().close())

    for (const theme of only) theme(at)
  })
}
