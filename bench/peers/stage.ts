import { inSandbox, type Sandbox } from '../support/sandbox.js'
import { kindNames, type Kind } from './peer.js'
import { startServer, type Server } from './servers.js'

export interface Stage extends Sandbox {
  /** Of those that were asked for, the ones whose server runs, with its port. */
  readonly present: ReadonlyMap<Kind, number>
}

/** Runs a server for each of these kinds, names those that are missing, and ends them all afterwards. */
export async function onStage<T>(kinds: readonly Kind[], run: (stage: Stage) => Promise<T>): Promise<T> {
  return inSandbox(async sandbox => {
    const servers: Server[] = []
    const present = new Map<Kind, number>()
    const missing: Kind[] = []
    try {
      for (const kind of kinds) {
        const server = await startServer(kind, sandbox)
        if (server === undefined) missing.push(kind)
        else {
          servers.push(server)
          present.set(kind, server.port)
        }
      }
      if (missing.length > 0)
        console.log(
          `Missing, its server is not installed: ${missing.map(kind => kindNames[kind]).join(', ')}\n`,
        )
      return await run({ ...sandbox, present })
    } finally {
      await Promise.all(servers.map(server => server.stop()))
    }
  })
}
