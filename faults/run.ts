import { parseArgs } from 'node:util'
import { play, scenarios } from './scenarios.js'
import { printOutcomes, type Played } from './table.js'

// `npm run faults`: every scenario at full length. `npm run faults -- NAME… [--short] [--seed N]`: some of them.

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, short: { type: 'boolean', default: false } },
})
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed)
const unknown = positionals.filter(name => !scenarios.some(each => each.name === name))
if (unknown.length > 0 || !Number.isSafeInteger(seed)) {
  console.error(`usage: npm run faults -- [NAME…] [--short] [--seed N]`)
  console.error(`scenarios: ${scenarios.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}

console.log(`seed ${seed}`)
const played: Played[] = []
for (const scenario of scenarios) {
  if (positionals.length > 0 && !positionals.includes(scenario.name)) continue
  const began = performance.now()
  const outcome = await play(scenario, values.short ? 'short' : 'long', seed).catch((error: unknown) =>
    error instanceof Error ? error : new Error(String(error)),
  )
  const seconds = (performance.now() - began) / 1_000
  const isGood = !(outcome instanceof Error) && outcome.problems.length === 0
  console.log(`${isGood ? 'passed' : 'FAILED'}  ${scenario.name} in ${seconds.toFixed(0)} s`)
  played.push({ scenario, outcome })
}
printOutcomes(played)
const failed = played.filter(({ outcome }) => outcome instanceof Error || outcome.problems.length > 0)
for (const { scenario, outcome } of failed) {
  console.log(`\n${scenario.name} failed. Again with: npm run faults -- ${scenario.name} --seed ${seed}`)
  for (const problem of outcome instanceof Error ? [outcome.stack ?? outcome.message] : outcome.problems) {
    console.log(`  ${problem}`)
  }
}
process.exitCode = failed.length > 0 ? 1 : 0
