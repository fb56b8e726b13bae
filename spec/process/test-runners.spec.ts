import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { Sandbox } from '../support/sandbox.js'

const index = new URL('../../src/index.js', import.meta.url).href
const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js')

/** The arguments of Node by which each runs a file of tests. */
const runners: Readonly<
  Record<string, { readonly imports: string; readonly args: (file: string) => string[] }>
> = {
  'node:test': { imports: `import { it } from 'node:test'`, args: file => ['--test', file] },
  mocha: { imports: '', args: file => [mocha, '--no-config', file] },
}

describe('a subscriber that throws under a test runner', () => {
  let sandbox: Sandbox
  let folder: string
  beforeEach(async () => {
    sandbox = await Sandbox.make()
    folder = mkdtempSync(join(tmpdir(), 'msgvan-spec-'))
  })
  afterEach(async () => {
    await sandbox.clean()
    rmSync(folder, { recursive: true })
  })

  for (const [name, { imports, args }] of Object.entries(runners)) {
    it(`${name}: one line with the topic, no stack, and the test passes`, async () => {
      const file = join(folder, 'throws.test.mjs')
      writeFileSync(
        file,
        `${imports}
        import { van } from ${JSON.stringify(index)}
        it('throws in a subscriber', async () => {
          const bus = van({ embedded: true })
          const failed = new Promise(resolve => bus.errors$.subscribe(resolve))
          bus.topic('orders', { attempts: 1 }).subscribe(() => { throw new Error('bad order') })
          await bus.publish('orders', 1)
          await failed
          await bus.close()
        })`,
      )
      const { code, stdout, stderr } = await sandbox.node(args(file)).ended
      const text = stdout + stderr
      expect(code, text).to.equal(0)
      expect(text).to.not.match(/(^|\\n)\s+at /m)
      // Where there is a syslog the line goes there.
      const lines = text.split('\n').filter(line => line.includes('bad order'))
      expect(lines, text).to.have.length(existsSync('/dev/log') ? 0 : 1)
      for (const line of lines) expect(line).to.contain('A subscriber of "orders" threw')
    })
  }
})
