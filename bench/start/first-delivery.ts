// A program as an app's author would write it: tells how long it took from its first line to its first message.
const began = performance.now()
const { van } = await import('../../src/index.js')
const imported = performance.now()
const bus = van()
bus.topic<string>(/^first\./).subscribe(message => {
  const arrived = performance.now()
  if (message.payload !== 'hello') throw new Error(`what came is ${message.payload}`)
  process.send?.({ imported: imported - began, delivered: arrived - imported })
  void bus.close().then(() => process.disconnect())
})
await bus.publish('first.message', 'hello')
