import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { newPrincipalToken, readPrincipalToken } from '../src/wire/principal-token.js'
import { storedToken } from '../src/wire/scram.js'
import { connectEnds, paced, stopEnds, streaming, type Ends } from './ends/stream.js'
import { quick } from './support/flags.js'
import { interleave } from './support/rounds.js'
import { Host, inSandbox, type Sandbox } from './support/sandbox.js'
import { summarize } from './support/statistics.js'
import { printHead, printRates, printTable, times } from './support/table.js'

// What do rights and limits cost? The pipe with two hosts: one with a common token, and one with a principal, against whose rights and
// limits each publish and delivery is checked. Both by TCP. Beside the rates, which need a quiet machine, the processor time of the
// hosts at the same pace.

const PER_SECOND = 10_000
const PACED_MS = quick ? 1_000 : 5_000
const PACED_ROUNDS = quick ? 2 : 9
const shape = { form: 'bytes', size: 100, topics: 8 } as const
const most = 1_000_000_000
/** `--limits`: it has all limits, too, none of which it reaches. */
const limits = process.argv.includes('--limits')
  ? { publishes: most, bytes: most, waiting: most, connections: 10, subscriptions: 10, names: 10 }
  : undefined
const topics = ['rights\\..*', 'common\\..*']

async function principals(folder: string): Promise<{ file: string; token: string }> {
  const token = newPrincipalToken('bench')
  const read = readPrincipalToken(token)
  if (read === undefined) throw new Error('no token')
  const { id, ...stored } = await storedToken(read)
  const credentials = [{ token: id, ...stored }]
  const bench = {
    vans: ['default'],
    credentials,
    publish: topics,
    subscribe: topics,
    ...(limits === undefined ? {} : { limits }),
  }
  const file = join(folder, 'principals.json')
  await writeFile(file, JSON.stringify({ principals: { bench } }), { mode: 0o600 })
  return { file, token }
}

function ends({ env, port }: Sandbox, token: string, root: string): Promise<Ends> {
  const stage = { env: { ...env, MSGVAN_BENCH_TOKEN: token }, present: new Map([['msgvan' as const, port]]) }
  return connectEnds({ ...stage, home: '', port }, 'msgvan', shape, root)
}

/** In ticks of the system. Linux only. */
async function processorTime({ pid }: Host): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number)
  return user + system
}

printHead(
  `What do rights${limits === undefined ? '' : ' and limits'} of a principal cost? Buffers of 100 bytes, three processes`,
)
await inSandbox(async common =>
  inSandbox(async guarded => {
    const secret = randomBytes(32).toString('hex')
    const { file, token } = await principals(guarded.home)
    const hosts = await Promise.all([
      Host.start({ ...common, env: { ...common.env, MSGVAN_TOKEN: secret } }),
      Host.start(guarded, [], ['--principals', file]),
    ])
    const [without, with_] = await Promise.all([
      ends(common, secret, 'common'),
      ends(guarded, token, 'rights'),
    ])
    try {
      const contenders = [streaming(with_, shape, 'with rights'), streaming(without, shape, 'without')]
      printRates(await interleave(contenders, quick ? {} : { warmUps: 6, rounds: 25 }))
      console.log(`\nProcessor time of both hosts at once, each with ${PER_SECOND} messages a second`)
      const ratios: number[] = []
      for (let round = 0; round < PACED_ROUNDS; round += 1) {
        const before = await Promise.all(hosts.map(processorTime))
        const streams = [without, with_].map(each => paced(each, shape, PER_SECOND))
        await sleep(PACED_MS)
        await Promise.all(streams.map(stream => stream.stop()))
        const [plain = 0, checked = 0] = (await Promise.all(hosts.map(processorTime))).map(
          (time, at) => time - (before[at] ?? 0),
        )
        ratios.push(checked / plain)
      }
      const { median, low, high } = summarize(ratios)
      printTable([
        ['', 'with rights takes', 'lowest', 'highest'],
        ['processor time', times(median), times(low), times(high)],
      ])
    } finally {
      await stopEnds(without, with_)
      await Promise.all(hosts.map(host => host.stop()))
    }
  }),
)
