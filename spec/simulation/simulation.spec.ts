import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'

/** More than there are sets of features, each pair of which is due. */
const SEEDS = 520

const simulate = fileURLToPath(new URL('simulate.js', import.meta.url))

/** In a process of its own, whose time is the simulation's. */
async function run(...options: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [simulate, ...options], {
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: unknown) => error as { stdout: string })
  return stdout
}

describe('the simulation in virtual time', function () {
  this.timeout(1_200_000)

  it(`accounts for every message in ${SEEDS} worlds`, async () => {
    const said = await run('--seeds', String(SEEDS))
    expect(said).to.match(/\n0 failed, in .* s\n$/)
    const [, met, pairs] = /\n(\d+) of (\d+) pairs of \d+ features were met/.exec(said) ?? []
    expect(met).to.be.a('string').and.to.equal(pairs)
    console.log(`      ${said.split('\n')[0] ?? ''}`)
  })

  it('gives the same world for one seed each time, so that you can look at a failing one', async () => {
    const options = ['--seed', '7', '--trace']
    const [once, again] = await Promise.all([run(...options), run(...options)])
    expect(once.split('\n')).to.have.lengthOf.greaterThan(100)
    expect(again).to.equal(once)
  })
})
