import { actors } from './actors.js'
import { hostKilled } from './host-killed.js'
import { hostile } from './hostile.js'
import { hostStopped } from './host-stopped.js'
import { linkCut } from './link-cut.js'
import { linkOneWay } from './link-one-way.js'
import { linkSlow } from './link-slow.js'
import { publisherKilled } from './publisher-killed.js'
import { reconnectStorm } from './reconnect-storm.js'
import { sessionTaken } from './session-taken.js'
import { slowConsumer } from './slow-consumer.js'
import { store } from './store.js'
import { storeFull } from './store-full.js'
import { storeSoak } from './store-soak.js'
import { together } from './together.js'
import { subscriberKilled } from './subscriber-killed.js'
import type { Outcome, Scale, Scenario } from './scenario.js'
import { Random } from './support/random.js'
import { Stage } from './support/stage.js'

export const scenarios: readonly Scenario[] = [
  publisherKilled,
  subscriberKilled,
  hostStopped,
  hostKilled,
  linkCut,
  linkSlow,
  linkOneWay,
  sessionTaken,
  reconnectStorm,
  slowConsumer,
  store,
  storeFull,
  storeSoak,
  actors,
  hostile,
  together,
]

/** Plays it on a stage of its own, which is empty afterwards. @throws Error when it could not be played to its end */
export async function play(scenario: Scenario, scale: Scale, seed: number): Promise<Outcome> {
  const stage = await Stage.open(new Random(seed))
  try {
    return await scenario.run(stage, scale)
  } finally {
    await stage.close()
  }
}
