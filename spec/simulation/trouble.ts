import type { Cast } from './cast.js'
import { breakHostLink, troubleFollower } from './follower-trouble.js'
import type { Plan } from './plan.js'
import type { SimClient } from './sim-client.js'
import type { Stage } from './stage.js'

const MOST_CLIENTS = 5

/** One thing happens: something is published, somebody comes or goes, or something goes wrong. */
export async function stir(stage: Stage, plan: Plan, cast: Cast): Promise<void> {
  const { random } = stage
  const client = random.pick(cast.awake)
  if (client === undefined) {
    if (cast.clients.length < MOST_CLIENTS) await cast.join()
    return
  }
  const { troubles } = plan
  const hasFollowers = plan.followers.length > 0
  const if_ = (isOn: boolean, weight: number) => (isOn ? weight : 0)
  const happening = random.weighted<() => Promise<unknown>>([
    [10, () => cast.as(client, () => client.publishSome(random.pick([1, 1, 3, 20])))],
    [3, () => cast.subscribe(client, random.chance(0.6) ? random.pick(plan.named) : undefined)],
    [if_(cast.clients.length < MOST_CLIENTS, 0.5), () => cast.join()],
    [if_(troubles.departures, 3), () => leave(stage, cast, client)],
    [if_(troubles.departures, 0.5), () => cast.close(client, random.chance(0.7))],
    [if_(troubles.deaths, 1), () => cast.as(client, () => client.die())],
    [if_(plan.linkFaults, 8), () => cast.as(client, () => breakLink(stage, plan, client))],
    [if_(plan.hostKills, 1), () => Promise.resolve(cast.killHost())],
    [if_(plan.hostStops, 0.5), () => Promise.resolve(cast.stopHost())],
    [if_(plan.handOvers, 1), () => Promise.resolve(cast.restartHost())],
    [
      if_(plan.diskTrouble, 2),
      () => Promise.resolve(cast.troubleDisk(random.pick([undefined, 'full', 'failing', 'gone']))),
    ],
    [if_(hasFollowers && plan.hostLinkFaults, 3), () => Promise.resolve(breakHostLink(stage, plan, cast))],
    [if_(hasFollowers && plan.followerTrouble, 1), () => Promise.resolve(troubleFollower(stage, plan, cast))],
    [if_(plan.blocks, 1), () => Promise.resolve(client.block(random.between(100, 3_000)))],
    [if_(plan.client.answers, 1), () => cast.as(client, () => client.publishAnswering())],
    [if_(plan.clockJumps, 1), () => Promise.resolve(jump(stage))],
  ])
  await happening?.()
}

async function leave({ random }: Stage, cast: Cast, client: SimClient): Promise<void> {
  const member = random.pick(client.members.filter(({ hasLeft }) => !hasLeft))
  if (member !== undefined) await cast.as(client, () => member.leave())
}

function breakLink({ random, network }: Stage, plan: Plan, { process }: SimClient): void {
  random.weighted([
    [3, () => network.cut(process)],
    [1, () => network.blackHole(process)],
    [2, () => network.stall(process)],
    [
      2,
      () => {
        network.cut(process)
        network.isolate(process, random.between(0, 2 * plan.sessionTtl))
      },
    ],
  ])?.()
}

export function jump({ clock, random, trace }: Stage): void {
  clock.wallOffset += random.between(-7_200_000, 7_200_000)
  trace.say('CLOCK', () => 'jumps')
  trace.count('clock jumps')
}
