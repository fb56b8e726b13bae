import { handle, van } from 'msgvan'

const bus = van({ embedded: true })

bus
  .topic(/^orders\.(?<region>eu|us)\./)
  .pipe(handle(async message => `${message.match?.groups?.region}: order ${JSON.stringify(message.payload)}`))
  .subscribe(line => console.log(line))

await bus.publish('orders.eu.created', { id: 7, total: 9.5 })
await bus.close()
