import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { Command } from 'commander'
import { addHostOptions, hostFlags, type HostOptions } from '../../../src/cli/options/host-options.js'
import { hostSettings } from '../../../src/host/process/settings.js'
import { settingsByKey } from '../../../src/host/process/settings-table.js'

const docs = readFileSync(fileURLToPath(new URL('../../../../docs/host.md', import.meta.url)), 'utf8')

describe('the table of a host’s settings', () => {
  it('is the table of docs/host.md, row by row', () => {
    const rows = settingsByKey.map(
      ([, { flag, variable, shown }]) => `| \`${flag}\` | \`${variable}\` | ${shown} |`,
    )
    const start = docs.indexOf('| flag | variable | default |')
    const documented = docs
      .slice(start, docs.indexOf('\n\n', start))
      .split('\n')
      .filter(line => line.startsWith('| `--') && !/`--(van|no-start)`/.test(line))
    expect(documented).to.deep.equal(rows)
  })

  it('gives a command line each of its flags, under the key of the setting', () => {
    const given = settingsByKey.filter(([, { isGlobal }]) => isGlobal !== true)
    const words = given.flatMap(([key, { flag, kind }]) => (kind === 'switch' ? [flag] : [flag, key]))
    const command = addHostOptions(new Command()).parse(words, { from: 'user' })
    const options = command.opts<HostOptions>()
    for (const [key, { kind }] of given)
      expect(options, key).to.have.deep.property(
        key,
        kind === 'switch' ? true : kind === 'list' ? [key] : key,
      )
    const globals = { port: 1, van: 'default', token: 't', verbose: true, autoStart: true }
    expect(Object.keys(hostFlags(globals, options))).to.have.members(settingsByKey.map(([key]) => key))
  })

  it('has a field for each setting, and no two of one name', () => {
    const fields = settingsByKey.map(([, { field }]) => field)
    expect(Object.keys(hostSettings({}, {}))).to.have.members([...fields, 'auto'])
    for (const part of ['flag', 'variable', 'field'] as const)
      expect(new Set(settingsByKey.map(([, each]) => each[part])).size, part).to.equal(settingsByKey.length)
  })
})
