import type { Cast } from './cast.js'
import type { Plan } from './plan.js'
import type { Stage } from './stage.js'

/** No session lasts for so long. */
const LONG_MS = 8_000

/** A follower is killed, stopped, or stands still. */
export function troubleFollower({ random }: Stage, plan: Plan, { convention }: Cast): void {
  const follower = random.pick(convention.followers)
  if (follower === undefined) return
  random.weighted([
    [2, () => convention.kill(follower.host)],
    [1, () => convention.stop(follower.host)],
    [1, () => convention.restartFollower(follower)],
    [0.5, () => convention.outdate(follower, random.between(100, 2 * plan.sessionTtl))],
    [1, () => convention.freeze(follower, random.between(100, 2 * plan.sessionTtl))],
  ])?.()
}

/** What lies between a follower and its leader. */
export function breakHostLink({ random }: Stage, plan: Plan, { convention }: Cast): void {
  const follower = random.pick(convention.followers)
  if (follower === undefined) return
  random.weighted([
    [3, () => convention.breakLink(follower, 'cut')],
    [1, () => convention.breakLink(follower, 'black hole')],
    [2, () => convention.breakLink(follower, 'stall')],
    [
      2,
      () => {
        convention.breakLink(follower, 'cut')
        convention.isolate(follower, random.between(0, 2 * plan.sessionTtl))
      },
    ],
  ])?.()
}

/** The leader gives up the session of a follower. */
export async function losePatience({ random, clock }: Stage, { convention }: Cast): Promise<void> {
  const follower = random.pick(convention.followers)
  if (follower === undefined) return
  convention.freeze(follower, LONG_MS)
  await clock.advance(LONG_MS + 1_000)
}
