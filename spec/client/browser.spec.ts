import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { rolldown } from 'rolldown'
import { range } from 'rxjs'
import type { HostServer } from '../../src/host/listen/server.js'
import { startChromium, type Browser, type Page } from '../support/chromium.js'
import { clientOf, startServer } from '../support/host-server.js'

const token = 'of the page'
const app = fileURLToPath(new URL('../../../spec/fixtures/browser-app.js', import.meta.url))

/** One web page whose only script is the fixture, bundled with the client for browsers. */
async function servePage(): Promise<Server> {
  const bundle = await rolldown({ input: app, platform: 'browser', logLevel: 'silent' })
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false })
  await bundle.close()
  const server = createServer(({ url }, response) => {
    const isScript = url === '/app.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? output[0].code : '<!doctype html><script type="module" src="/app.js"></script>')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return server
}

describe('the client in Chromium', function () {
  let browser: Browser | undefined
  let web: Server
  let host: HostServer
  let page: Page
  const errors: string[] = []

  const call = (name: string): Promise<unknown> =>
    page.evaluate(`app.${name}('http://127.0.0.1:${host.port}', '${token}')`)

  before(async function () {
    browser = await startChromium(this)
    web = await servePage()
    const origin = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
    host = await startServer({ token, origins: [origin] })
    page = await browser.newPage()
    page.on('pageerror', error => errors.push(error.message))
    await page.goto(origin)
  })

  after(async () => {
    if (browser === undefined) return
    await browser.close()
    await host.close()
    web.closeAllConnections()
    await new Promise(resolve => web.close(resolve))
  })

  afterEach(() => {
    expect(errors.splice(0)).to.deep.equal([])
  })

  it('publishes one message and a thousand in one turn, and gets them all', async () => {
    expect(await call('roundTrip')).to.deep.equal(Array.from({ length: 1_001 }, (_, at) => at))
  })

  it('works with handle on a message that fails twice', async () => {
    expect(await call('work')).to.deep.equal([1, 2, 3])
  })

  it('observes an Observable that a process exposes', async () => {
    const { bus } = clientOf(host.port)
    bus.expose('numbers', (upTo: number) => range(1, upTo))
    await bus.ready()
    expect(await call('observe')).to.deep.equal([1, 2, 3])
    await bus.close()
  })
})
