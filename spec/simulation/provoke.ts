import type { Rules } from './account.js'
import type { Cast } from './cast.js'
import { ofFollowers, type Feature } from './features.js'
import { losePatience } from './follower-trouble.js'
import { goodManner, type Manner } from './manner.js'
import type { SimClient } from './sim-client.js'
import type { Stage } from './stage.js'
import { jump } from './trouble.js'

/** Has a feature happen that this world must have, and that has not come by chance. */
export async function provoke(stage: Stage, cast: Cast, feature: Feature): Promise<void> {
  const { network, clock, random } = stage
  const { convention } = cast
  const follower = random.pick(convention.followers)
  if (cast.awake.length === 0) await cast.join()
  const client = random.pick(cast.awake)
  if (client === undefined) return
  for (let tries = 0; follower && ofFollowers.includes(feature) && tries < 20; tries += 1) {
    if (follower.place.isJoined && convention.isUp) break
    await clock.advance(500)
  }
  const with_ = (manner: Partial<Manner>, rules: Partial<Rules> = {}) =>
    consume(stage, cast, client, { ...goodManner, ...manner }, rules)
  const styled = /^style (.*)$/.exec(feature)?.[1] as Manner['style'] | undefined
  if (styled !== undefined) return with_({ style: styled })
  switch (feature) {
    case 'host kills':
    case 'leader kills':
      return cast.killHost()
    case 'hand-overs':
    case 'other protocols':
    case 'actors handed over':
      for (let tries = 0; tries < 40 && !cast.host.isUp; tries += 1) await clock.advance(100)
      return cast.restartHost(feature === 'other protocols')
    case 'host stops':
    case 'leader stops':
      return cast.stopHost()
    case 'disks full':
    case 'disks failing':
    case 'disks gone':
      cast.troubleDisk(feature === 'disks full' ? 'full' : feature === 'disks gone' ? 'gone' : 'failing')
      await cast.as(client, () => client.publishSome(3))
      return
    case 'cuts':
      return network.cut(client.process)
    case 'black holes':
      return network.blackHole(client.process)
    case 'stalls':
      return network.stall(client.process)
    case 'deaths':
      await cast.as(client, () => client.die())
      return
    case 'closes':
      return cast.close(client, true)
    case 'blocks':
      return client.block(random.between(100, 2_000))
    case 'clock jumps':
      return jump(stage)
    case 'ordered':
      return with_({}, { ordered: true, prefetch: 1 })
    case 'matching headers':
      return with_({}, { match: { headers: { tenant: 'a' } } })
    case 'ordered by key':
      return with_({}, { ordered: 'key' })
    case 'ack timeouts':
      await with_({ style: 'manual', holding: 1 }, { ackTimeout: 30 })
      return clock.advance(100)
    case 'abandons':
      return with_({ style: 'loop', failing: 0.7 }, cast.drawNamed())
    case 'throws':
      return with_({ failing: 0.7 })
    case 'nacks':
      return with_({ style: 'manual', failing: 0.7 })
    case 'rejects':
      return with_({ style: 'manual', rejecting: 0.7 })
    case 'replays':
    case 'purges':
      // It is known by its name whose dead letter it is.
      return with_({ style: 'manual', rejecting: 0.7 }, cast.drawNamed())
    case 'holds':
      return with_({ style: 'manual', holding: 1 })
    case 'unsubscribes':
      return with_({ leaving: 0.5 })
    case 'refused, MSGVAN_OVERFLOW':
      return with_({ style: 'manual', holding: 1 }, { prefetch: 1, maxPending: 3, overflow: 'error' })
    case 'from the start':
      return consume(stage, cast, cast.observer, goodManner, { from: 'start' })
    case 'from the start at a follower': {
      if (follower === undefined) return
      const there = await cast.join(follower.place)
      return there && consume(stage, cast, there, goodManner, { from: 'start' })
    }
    case 'named from the start':
    case 'named from the start at a follower': {
      const name = cast.drawNamed(({ from }) => from !== undefined)
      const there =
        feature === 'named from the start' ? client : follower && (await cast.join(follower.place))
      return there && name && consume(stage, cast, there, goodManner, name)
    }
    case 'payloads that publish':
      await cast.as(client, () => client.publishAnswering())
      return
    case 'follower kills':
      return follower && convention.kill(follower.host)
    case 'follower stops':
      return follower && convention.stop(follower.host)
    case 'follower freezes':
      return follower && convention.freeze(follower, 300)
    case 'follower hand-overs':
    case 'follower restarts': {
      const isKept = feature === 'follower restarts'
      const one = convention.followers.find(({ host }) => host.isKept === isKept)
      for (let tries = 0; one && tries < 40 && !one.host.isUp; tries += 1) await clock.advance(100)
      return one && convention.restartFollower(one)
    }
    case 'older followers':
      return follower && convention.outdate(follower, random.between(100, 3_000))
    case 'host link cuts':
      return follower && convention.breakLink(follower, 'cut')
    case 'host link black holes':
      return follower && convention.breakLink(follower, 'black hole')
    case 'host link stalls':
      return follower && convention.breakLink(follower, 'stall')
    case 'leader links lost':
      return losePatience(stage, cast)
  }
}

async function consume(
  { clock, random }: Stage,
  cast: Cast,
  client: SimClient,
  manner: Manner,
  rules: Partial<Rules>,
): Promise<void> {
  await cast.subscribe(client, { ...cast.drawUnnamed(), ...rules }, manner)
  await clock.advance(400)
  if (client.isGone) return
  await cast.as(client, () => client.publishSome(20))
  await clock.advance(random.between(0, 200))
}
