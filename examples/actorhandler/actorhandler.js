/**
 * An actor gets what is published on a topic, and appends it to a file: on whichever host has the capability `writer`.
 *
 *   node actorhandler.js consumer --topic foo --outfile FILE [--ipaddr ADDRESS]   makes the actor, and ends; the actor stays
 *   node actorhandler.js producer --topic foo [--ipaddr ADDRESS] bar              publishes "bar"
 *   node actorhandler.js consumer --unsubscribe                                   ends it
 *
 * With --ipaddr (ADDRESS or ADDRESS:PORT) the consumer's host leads at that address, and the producer's host joins it there.
 * Both are started with the same MSGVAN_TOKEN.
 */
import { resolve } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { moduleRef, van } from 'msgvan'

const NAME = 'actorhandler'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ipaddr: { type: 'string' },
    topic: { type: 'string', default: 'foo' },
    outfile: { type: 'string', default: 'actorhandler.out' },
    unsubscribe: { type: 'boolean', default: false },
  },
})
const { ipaddr, topic, outfile, unsubscribe } = values

const [role, ...words] = positionals
if (role === 'consumer') await (unsubscribe ? end() : consume())
else if (role === 'producer') await produce()
else {
  console.error('usage: node actorhandler.js consumer|producer, see the beginning of this file')
  process.exitCode = 2
}

async function consume() {
  const bus = van({
    ...(ipaddr === undefined ? {} : { leader: true, addr: ipaddr }),
    capabilities: { writer: true },
  })
  const writer = await bus.actors.create(
    moduleRef(new URL('writing-actor.js', import.meta.url), 'WritingActor'),
    {
      name: NAME,
      args: { file: resolve(outfile) },
    },
  )
  await bus.subscribeActor(NAME, writer, topic)
  console.log(`what is published on ${topic} is written to ${outfile}`)
  await bus.close()
}

async function end() {
  const bus = van()
  const wasThere = await bus.unsubscribe(NAME)
  const writer = await bus.actors.find(NAME)
  await writer?.stop()
  console.log(wasThere ? 'unsubscribed' : 'there was nothing to unsubscribe')
  await bus.close()
}

async function produce() {
  const bus = van(ipaddr === undefined ? {} : { addr: ipaddr })
  for (const word of words) await bus.publish(topic, word)
  await bus.close()
}
