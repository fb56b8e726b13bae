import { parseArgs } from 'node:util'
import { runSeed } from './run-seed.js'
import { runSeeds, summary } from './run-seeds.js'

const usage = `npm run simulate -- [--seeds N] [--from N] [--keep-going]   many seeds, until one fails
npm run simulate -- --seed N [--trace]                       one seed, with all that happens in it`

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

async function one(seed: number): Promise<boolean> {
  const { violations, lines, counts } = await runSeed(seed, { trace: values.trace })
  for (const line of lines) print(line)
  for (const violation of violations) print(`seed ${seed}: ${violation}`)
  print(summary(1, counts))
  return violations.length === 0
}

async function many(from: number, count: number): Promise<boolean> {
  const began = performance.now()
  const { ran, counts, coverage, failed } = await runSeeds(from, count, {
    keepGoing: values['keep-going'],
    failed: ({ seed, violations }) => {
      print(`seed ${seed} FAILED: ${violations[0] ?? ''}`)
      print(`  again, with all that happens: npm run simulate -- --seed ${seed} --trace`)
    },
  })
  print(summary(ran, counts))
  print(String(coverage))
  print(`${failed} failed, in ${((performance.now() - began) / 1000).toFixed(1)} s`)
  return failed === 0
}

if (values.help) print(usage)
else {
  const { seed, from, seeds } = values
  const isRight = seed === undefined ? await many(Number(from), Number(seeds)) : await one(Number(seed))
  process.exitCode = isRight ? 0 : 1
}
