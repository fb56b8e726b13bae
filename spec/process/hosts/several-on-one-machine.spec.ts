import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { eventually } from '../../support/eventually.js'
import { freePort } from '../../support/ports.js'
import { msgvanMain, Sandbox } from '../../support/sandbox.js'

const docs = new URL('../../../../docs/hosts.md', import.meta.url)

describe('the recipe for several hosts on one machine', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('works as docs/hosts.md has it', async () => {
    const text = await readFile(docs, 'utf8')
    const block = /^On one machine[^]*?```\n([^]*?)```/m.exec(text)?.[1]
    const second = await freePort()
    const [setting, ...hosts] = (block ?? '')
      .trim()
      .replaceAll('1900', String(sandbox.port))
      .replaceAll('1901', String(second))
      .split('\n')
    expect(setting).to.match(/^export MSGVAN_TOKEN=/)
    expect(hosts).to.have.length(2)
    const { stdout: token } = await sandbox.processes.start(
      'bash',
      ['-c', `${setting}; printf %s "$MSGVAN_TOKEN"`],
      sandbox.env,
    ).ended
    for (const line of hosts) {
      const host = sandbox.processes.start(
        'bash',
        ['-c', `msgvan() { exec "${process.execPath}" "${msgvanMain}" "$@"; }\n${line}`],
        { ...sandbox.env, MSGVAN_TOKEN: token },
      )
      await host.shows(/listening/)
    }
    await eventually(async () => {
      const { stdout } = await sandbox.msgvan(['status', '--json', '--port', String(second)]).ended
      expect((JSON.parse(stdout) as { hosts: unknown[] }).hosts).to.have.length(2)
    }, 20_000)
  })
})
