import { setTimeout as sleep } from 'node:timers/promises'
import { localSecret } from '../src/state/secret.js'
import { attacks } from './hostile/attacks.js'
import { Probe } from './hostile/probe.js'
import type { Scenario } from './scenario.js'
import { peakMemory } from './support/stage.js'

const MEGABYTE = 1024 * 1024
const MOST_MEMORY = 512
const MOST_WAIT = 1_000
const LIMITS = {
  '--client-memory': 16 * MEGABYTE,
  '--van-memory': 96 * MEGABYTE,
  '--host-memory': 160 * MEGABYTE,
  '--max-workers': 8,
}

export const hostile: Scenario = {
  name: 'hostile',
  title: `clients with this user's secret take memory in each way that they know: the host stays under ${MOST_MEMORY} MB, and an honest pair loses nothing`,
  async run(stage, scale) {
    const flags = Object.entries(LIMITS).flatMap(([flag, value]) => [flag, String(value)])
    const host = await stage.host({}, flags)
    const probe = await Probe.begin(stage.bus)
    const notes: string[] = []
    const problems: string[] = []
    const secret = Buffer.from(await localSecret(stage.sandbox.paths)).toString('hex')
    const attacker = new URL('hostile/attacker.js', import.meta.url).pathname
    for (const name of Object.keys(attacks)) {
      const ran = stage.sandbox.node([attacker, name, scale, String(stage.sandbox.port), secret])
      const { code, stdout, stderr } = await ran.ended
      const outcome = code === 0 ? stdout.trim() : `failed: ${stderr}`
      const peak = await peakMemory(host)
      notes.push(
        `${name}: ${outcome}, a probe within ${probe.slowest.toFixed(0)} ms, at most ${peak.toFixed(0)} MB so far`,
      )
      console.log(notes.at(-1))
      if (outcome.startsWith('failed')) problems.push(`${name} ${outcome}`)
    }
    await sleep(500)
    const { published, received, outOfOrder, worst, p99 } = await probe.end()
    const peak = await peakMemory(host)
    if (peak >= MOST_MEMORY) problems.push(`the host had ${peak.toFixed(0)} MB in memory`)
    if (received !== published || outOfOrder > 0)
      problems.push(`${published} published, ${received} received, ${outOfOrder} out of order`)
    if (p99 >= MOST_WAIT) problems.push(`a probe took ${p99.toFixed(0)} ms`)
    return {
      ...{ accepted: published, acked: received, deadLettered: 0, waiting: 0, dropped: 0 },
      ...{ lostWithHost: 0, lost: published - received, duplicates: 0, recovery: undefined },
      notes: `at most ${peak.toFixed(0)} MB in the host; a probe: 99 % within ${p99.toFixed(0)} ms, the slowest ${worst.toFixed(0)} ms`,
      problems,
    }
  },
}
