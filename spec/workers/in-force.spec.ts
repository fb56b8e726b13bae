import { expect } from 'chai'
import { inForce } from '../../src/workers/in-force.js'
import { HostUnreachableError, StoreError } from '../../src/index.js'
import { rejection } from '../support/rejection.js'

describe('the subscriptions of a worker', () => {
  const ready = (error: Error) => ({ ready: () => Promise.reject(error) })

  it('are in force also while the disk of their host takes nothing', async () => {
    await inForce(ready(new StoreError('The disk does not write.')))
  })

  it('are not in force without a host', async () => {
    const error = new HostUnreachableError('No host is there.')
    expect(await rejection(inForce(ready(error)))).to.equal(error)
  })
})
