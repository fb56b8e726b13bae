// A program as an app's author would write it: tells how long it took from its first line to its first message.
const began = performance.now()
const { van } = await import('msgvan')
const imported = performance.now()
const bus = van()
bus.topic(/^first\./).subscribe(({ payload }) => {
  const arrived = performance.now()
  process.send?.({ imported: imported - began, delivered: arrived - began, payload })
  void bus.close().then(() => process.disconnect())
})
await bus.publish('first.message', process.argv[2])
