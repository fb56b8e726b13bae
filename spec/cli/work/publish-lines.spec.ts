import { expect } from 'chai'
import { publishLines } from '../../../src/cli/work/publish-lines.js'
import { rejection } from '../../support/rejection.js'

const never = new AbortController().signal

async function* lots(count: number, size = 100): AsyncGenerator<string[]> {
  for (let at = 0; at < count; at += size) {
    yield Array.from({ length: Math.min(size, count - at) }, (_, i) => `line ${at + i}`)
    await Promise.resolve()
  }
}

describe('publishing lines', () => {
  it('keeps their order, and says how many the van took', async () => {
    const sent: string[] = []
    const published = await publishLines(lots(250), line => Promise.resolve(void sent.push(line)), never)
    expect(published).to.equal(250)
    expect(sent).to.deep.equal(Array.from({ length: 250 }, (_, i) => `line ${i}`))
  })

  it('has a bounded number under way, and goes on as they are taken', async () => {
    const waiting: (() => void)[] = []
    let most = 0
    let read = 0
    async function* counted(): AsyncGenerator<string[]> {
      for await (const lot of lots(20_000)) {
        read += lot.length
        yield lot
      }
    }
    const publish = (): Promise<void> =>
      new Promise(resolve => {
        waiting.push(resolve)
        most = Math.max(most, waiting.length)
      })
    const done = publishLines(counted(), publish, never)
    const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
    await turn()
    expect(most).to.equal(4096)
    expect(read).to.be.lessThan(4096 + 101)
    for (let left = 20_000; left > 0;) {
      const taken = waiting.splice(0)
      left -= taken.length
      for (const take of taken) take()
      await turn()
    }
    expect(await done).to.equal(20_000)
    expect(most).to.equal(4096)
  })

  it('counts long lines by their length', async () => {
    const long = 'x'.repeat(300_000)
    let underWay = 0
    let most = 0
    const publish = async (): Promise<void> => {
      most = Math.max(most, ++underWay)
      await new Promise(resolve => setImmediate(resolve))
      underWay -= 1
    }
    async function* input(): AsyncGenerator<string[]> {
      yield Array.from({ length: 20 }, () => long)
    }
    expect(await publishLines(input(), publish, never)).to.equal(20)
    expect(most).to.equal(4)
  })

  it('does not count a line without a message', async () => {
    const publish = (line: string): Promise<void> | undefined =>
      line.endsWith('0') ? undefined : Promise.resolve()
    expect(await publishLines(lots(100), publish, never)).to.equal(90)
  })

  it('stops at the first that fails', async () => {
    let count = 0
    const publish = (): Promise<void> =>
      ++count === 3 ? Promise.reject(new Error('third')) : Promise.resolve()
    expect((await rejection(publishLines(lots(1_000, 1), publish, never))).message).to.equal('third')
    expect(count).to.be.lessThan(10)
  })

  it('stops on request, with publishes under way too', async () => {
    const controller = new AbortController()
    const done = publishLines(lots(10), () => new Promise(() => undefined), controller.signal)
    setImmediate(() => controller.abort())
    expect(await done).to.equal(0)
  })
})
