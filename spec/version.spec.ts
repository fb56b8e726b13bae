import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { version } from '../src/index.js'

describe('version', () => {
  it("is package.json's", async () => {
    const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
    expect((JSON.parse(text) as { version: string }).version).to.equal(version)
  })
})
