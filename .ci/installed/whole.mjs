// msgvan as it is installed: a host that starts by itself, a handler, actors in threads and processes, one class everywhere.
import assert from 'node:assert/strict'
import { firstValueFrom, Observable, Subject, take, timeout, toArray } from 'rxjs'
import * as msgvan from 'msgvan'
import * as client from 'msgvan/client'
import * as operators from 'msgvan/operators'

const { moduleRef, van } = msgvan
const workers = new URL('workers.mjs', import.meta.url)

for (const [name, value] of Object.entries({ ...client, ...operators }))
  if (name in msgvan) assert.equal(msgvan[name], value, `${name} is the same wherever it is imported from`)

for (const [name, value] of Object.entries(msgvan))
  if (name.endsWith('Error') && name !== 'MsgvanError') {
    assert.equal(value.name, name, 'a class keeps its name in the bundle')
    assert.equal(new value('why').name, name, 'an error has the name of its class')
  }

const bus = van({ capabilities: { adding: true } })
bus.errors$.subscribe(error => console.error(error))
assert.ok(bus.topic('any') instanceof Observable)
assert.ok(bus.subject('any') instanceof Subject)

const handled = firstValueFrom(bus.topic('handled').pipe(timeout(20_000)))
await bus.subscribeHandler('handler', moduleRef(workers, 'handler'), /^for\.handler/)
await bus.publish('for.handler', [7n, new Map([['a', new Date(0)]])])
const message = await handled
assert.ok(message instanceof client.Message)
assert.deepEqual(message.payload, { isMessage: true, payload: [7n, new Map([['a', new Date(0)]])] })

for (const isolation of ['thread', 'process']) {
  const adder = await bus.actors.create(moduleRef(workers, 'Adder'), { isolation })
  await adder.tell(1)
  const { sum, isMessage, isObservable } = await firstValueFrom(adder.ask(2))
  assert.deepEqual({ sum, isMessage, isObservable }, { sum: 3, isMessage: true, isObservable: true })
  await adder.stop()

  const piped = bus.topic('piped').pipe(take(2), toArray(), timeout(20_000))
  const both = firstValueFrom(piped)
  const doubling = await bus.actors.create(moduleRef(workers, 'piped'), { isolation })
  await doubling.tell(1)
  await doubling.tell(2)
  assert.deepEqual(
    (await both).map(({ payload }) => payload),
    [3, 5],
  )
  await doubling.stop()
}
await assert.rejects(bus.actors.create(moduleRef(workers, 'Adder'), { requires: { nothing: true } }), {
  code: 'MSGVAN_ACTOR_PLACEMENT',
})
await bus.unsubscribe('handler')
await bus.close()
console.log('whole')
