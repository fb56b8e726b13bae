import { expect } from 'chai'
import { Committer } from '../../../src/host/store/committer.js'
import { MemoryStore } from '../../../src/store/memory-store.js'
import type { StoreTransaction } from '../../../src/store/store.js'

/** A disk that fails for its first transactions. */
class FailingStore extends MemoryStore {
  tries = 0

  constructor(private readonly failures: number) {
    super()
  }

  override transact(work: (transaction: StoreTransaction) => void): Promise<void> {
    return super.transact(transaction => {
      work(transaction)
      this.tries += 1
      if (this.tries <= this.failures) throw new Error('the disk is away')
    })
  }
}

describe('the committer of a host that ends', () => {
  const finish = async (failures: number) => {
    const store = new FailingStore(failures)
    const committer = new Committer(store, () => undefined)
    const outcomes: boolean[] = []
    committer.changed({ collect: () => isWritten => outcomes.push(isWritten) })
    const began = performance.now()
    await committer.finish()
    return { outcomes, tries: store.tries, took: performance.now() - began }
  }

  it('writes at once when the disk is there', async () => {
    expect(await finish(0)).to.deep.include({ outcomes: [true], tries: 1 })
  })

  it('pauses between failed tries, so that a disk that is away for a moment gets the last writes', async () => {
    const { outcomes, took } = await finish(3)
    expect(outcomes).to.deep.equal([false, false, false, true])
    expect(took).to.be.at.least(340)
  })

  it('gives up on a disk that stays away', async () => {
    const { outcomes, took } = await finish(Infinity)
    expect(outcomes).to.not.include(true)
    expect(took).to.be.at.least(1_400)
  })
})
