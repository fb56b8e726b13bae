import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { HostStatus } from '../../bus/contract/status.js'
import { ensureHome, statePaths, type StatePaths } from '../../daemon/files/paths.js'
import { removePidHint, writePidHint } from '../../daemon/files/pid-hint.js'
import { fileToken, localSecret } from '../../daemon/files/secret.js'
import { writeSettings } from '../../daemon/files/settings-file.js'
import { hostUrl } from '../../daemon/listens.js'
import { describe, InvalidOptionError, UnsupportedError } from '../../errors.js'
import { logTo, type Log } from '../../log/log.js'
import { createLogger } from '../../log/logger.js'
import { version } from '../../version.js'
import { Actors } from '../actors/actors.js'
import { actorLog, takeActorLogs } from '../actors/leader-log.js'
import { Capabilities } from '../handlers/capabilities.js'
import { checkToken, joining } from '../backbone/joining.js'
import { handOver } from '../hand-over/hand-over.js'
import { takeIn } from '../hand-over/take-in.js'
import { isHandOverWanted, takeOver } from '../hand-over/take-over.js'
import { Handlers } from '../handlers/handlers.js'
import { KeptNames, restoreNames } from '../van/kept-names.js'
import { watchIdle } from './idle.js'
import { openHostLog, type LogLine } from './logs.js'
import { ModuleWatch } from '../handlers/module-watch.js'
import { ModuleRoots } from '../handlers/module-roots.js'
import { whyNotListening } from '../listen/not-listening.js'
import {
  openSubscriptions,
  registrationsOf,
  startRegistered,
  readRegistrations,
  type Registrations,
} from '../handlers/registrations.js'
import { HostServer } from '../listen/server.js'
import { Fields } from '../../wire/frames/fields.js'
import { isLoopback, type HostFlags, type HostSettings } from './settings.js'
import { settingsKept } from './settings-kept.js'
import type { HostStore } from '../store/host-store.js'
import type { OpenHostStoreOptions } from '../store/open-host-store.js'
import { keeping, keptRegistrations, openKept } from '../store/kept-registrations.js'
import { readTls } from '../listen/tls.js'
import { Ending, type EndReason } from '../session/told-to-end.js'

export interface RunHostOptions {
  /** First has the host that is there hand over all that is in its memory, and end. If that fails, this one does not begin. */
  readonly takesOver?: boolean
  /** It is this machine's host now, at these addresses. */
  readonly onListening: (addresses: readonly string[]) => void
  /** In the foreground: gets what handlers print too. Without it, nobody sees this process's own output. */
  readonly echo?: (line: LogLine) => void
  /** What the host after this one is to know of how this one was started. Default: nothing. */
  readonly told?: HostFlags
  /** The capabilities among its settings are those of the host before: what that one left says better what it offered. */
  readonly keepsCapabilities?: boolean
  /** The host before kept what it owes in the same store. */
  readonly hadStore?: boolean
}

/** A token that is guessed faster than this takes to type is worth a word. */
const SHORT_TOKEN = 16

/**
 * Runs this process as this machine's host until it is told to end: by a signal, by `msgvan stop`, or by having been idle
 * for `idleMs`. Resolves with the reason when all is closed and no file of it is left but logs.
 *
 * @throws AuthError (beyond loopback without a token), PortTakenError, InvalidOptionError, HostUnreachableError
 */
export async function runHost(settings: HostSettings, options: RunHostOptions): Promise<EndReason> {
  const { port, idleMs } = settings
  const paths = statePaths()
  await ensureHome(paths.home)
  const secret = await localSecret(paths)
  const token = settings.token ?? (await fileToken(paths))
  checkToken(settings, token, paths.token)
  const tls = await readTls(settings)

  const isInForeground = options.echo !== undefined
  const logger = createLogger({
    program: 'msgvan-host',
    verbose: settings.verbose,
    file: isInForeground ? undefined : paths.messages,
  })
  const log = logTo(logger)
  const ending = new Ending()
  let reconsider = (): void => undefined
  let registered = (): Registrations => ({ subscriptions: [], handlers: [], actors: [] })
  const handing = (by?: string): Promise<void> =>
    handOver(
      {
        ...{ paths, port, log: (text: string) => log.info(text) },
        host: server.hostId,
        reception: server.reception,
        registered: () => registered(),
      },
      by,
    )
  if (options.takesOver === true) await takeOver({ port, paths })
  const left = await readRegistrations(paths.registrations(port), text => log.warning(text))
  const told = options.keepsCapabilities === true && left !== undefined ? {} : settings.capabilities
  const capabilities = new Capabilities({ ...left?.capabilities, ...told }, () => reconsider())
  const names = new KeptNames(paths.names(port), text => log.warning(text))
  let activity = 0
  const server: HostServer = new HostServer({
    port,
    listen: settings.listen,
    secret,
    token,
    sessionTtl: settings.sessionTtlMs,
    heartbeat: settings.heartbeatMs,
    maxPayload: settings.maxPayload,
    origins: settings.origins,
    awaitsServices: true,
    awaitsStore: settings.store !== undefined,
    hostStatus: statusOf(settings, capabilities),
    ...joining(settings, { secret, token, ca: tls.ca }),
    tls: tls.identity,
    names: keepsNames(settings) ? names : undefined,
    control: (method, args) =>
      control(method, args, {
        ending,
        capabilities,
        settings,
        registered: () => registered(),
        handOver: handing,
      }),
    changed: () => {
      activity += 1
    },
    warn: text => log.warning(text),
  })
  try {
    await server.listen()
  } catch (error) {
    ending.release()
    logger.close()
    throw await whyNotListening(error, { port, paths }, isInForeground)
  }
  let kept = left
  const store = await openStore(settings, log, { isExpected: options.hadStore, names: () => names.read() })
    .then(async opened => {
      // Before anybody is let in: from then on it owes what it takes over, and whoever starts the next one has to know how.
      await writeSettings(paths, port, { flags: options.told ?? {}, auto: settings.auto })
      if (opened !== undefined) {
        // In one go: nobody is let in before all of it is there.
        server.openStore(opened)
        kept = keptRegistrations(opened, left)
        openKept(server, kept, text => log.warning(text))
        opened.restoreCapabilities(changes =>
          capabilities.restore(changes, delta => opened.keepCapabilities(delta)),
        )
      }
      await takeIn(paths.handOver(port), server, {
        registrations: kept,
        warn: text => log.warning(text),
        info: text => log.info(text),
      })
      if (opened === undefined && left !== undefined)
        openSubscriptions(server, left, text => log.warning(text))
      if (settings.join === undefined) restoreNames(server, names.read(), text => log.warning(text))
      if (keepsNames(settings)) names.begin()
      else names.end(true)
      return opened
    })
    .catch(async (error: unknown) => {
      await server.close()
      ending.release()
      logger.close()
      throw error
    })

  await writePidHint(paths, port)
  if (left !== undefined) await rm(paths.registrations(port), { force: true })
  const lines = openHostLog(paths.log(port), {
    ...(options.echo === undefined ? {} : { echo: options.echo }),
    onError: error => log.error('the log of handlers cannot be written', error),
  })
  const workerHost = {
    broker: (van: string) => server.broker(van),
    replace: (van: string, request: SubscriptionRequest & { readonly name: string }) =>
      server.replace(van, request),
    connection: { url: hostUrl(port), secret },
    endSession: (client: string) => server.endSession(client),
    line: (name: string, stream: 'out' | 'err', text: string) => lines.write(name, stream, text),
    warn: (text: string) => log.warning(text),
    modulesChanged: () => moduleWatch?.watch(new Set([...handlers.modules, ...actors.modules])),
    ...(store === undefined ? {} : keeping(store)),
  }
  const roots = new ModuleRoots(settings.roots)
  const handlers = new Handlers(workerHost, roots)
  server.handlers = handlers
  const actors = new Actors(
    {
      ...workerHost,
      log: actorLog(log, () => server.backbone),
      capabilities: () => capabilities.values,
    },
    roots,
  )
  takeActorLogs(log, server.backbone)
  reconsider = () => {
    actors.reconsider()
    server.backbone.selfChanged()
  }
  server.actors = actors
  const reload = async (module: string): Promise<void> => {
    log.info(`${module} has changed`)
    await Promise.all([handlers.reload(module), actors.reload(module)]).catch((error: unknown) =>
      log.warning(`${module} has changed, and what runs of it was not started again`, error),
    )
  }
  const moduleWatch = settings.watch
    ? new ModuleWatch(
        module => void reload(module),
        error => log.warning('modules cannot be watched', error),
      )
    : undefined
  registered = () => registrationsOf(server, handlers, actors, capabilities.values)
  server.ready()
  if (kept !== undefined) void startRegistered(kept, handlers, actors, text => log.warning(text))
  process.once('uncaughtException', error => {
    // Its pid file stays: by that its clients know that it did not end in order, and start another.
    log.error('the host ends by an error of its own', error)
    for (const line of (error.stack ?? describe(error)).split('\n')) lines.write('host', 'err', line)
    lines.close()
    process.exit(1)
  })
  const unwatch = watchIdle({
    idleMs,
    isBusy: () => !server.isIdle || handlers.size > 0 || actors.size > 0,
    activity: () => activity,
    onIdle: () => ending.tell('idle'),
  })
  log.info(`listening on ${server.addresses.join(' and ')}`)
  if (!isLoopback(settings.listen) && (token?.length ?? 0) < SHORT_TOKEN) {
    log.warning(`the token has fewer than ${SHORT_TOKEN} characters: whoever reaches this port can guess it`)
  }
  options.onListening(server.addresses)

  const reason = await toldToEnd(ending, { paths, port, handing, warn: text => log.warning(text) })
  log.info(`ending (${reason})`)
  unwatch()
  moduleWatch?.close()
  // First of all: when the port is free, clients tell by this file whether to start another host.
  await removePidHint(paths, port)
  names.end(reason !== 'handed over')
  if (reason === 'handed over') {
    // Nobody hears of what still runs here: the next host has begun it again, or is about to.
    lines.close()
    logger.close()
    process.exit(0)
  }
  await actors.stopAll()
  await handlers.stopAll()
  await server.close()
  await store?.close()
  lines.close()
  logger.close()
  ending.release()
  return reason
}

interface MayHandOver {
  readonly paths: StatePaths
  readonly port: number
  readonly handing: () => Promise<void>
  readonly warn: (text: string) => void
}

/** Whoever speaks another protocol asks by a file and a signal to have all handed over. If that cannot be done, the host goes on. */
async function toldToEnd(ending: Ending, { paths, port, handing, warn }: MayHandOver): Promise<EndReason> {
  for (;;) {
    const reason = await ending.reason
    if (reason !== 'signal' || !(await isHandOverWanted(paths.handOverWanted(port)))) return reason
    try {
      await handing()
      return 'handed over'
    } catch (error) {
      if (error instanceof UnsupportedError) return reason
      warn(describe(error))
      ending.goOn()
    } finally {
      await rm(paths.handOverWanted(port), { force: true })
    }
  }
}

/** Beside a store too: its file may be gone when the next host starts. A follower's are at its leader. */
function keepsNames({ join }: HostSettings): boolean {
  return join === undefined
}

/** What it is told to keep, if it is told to; lmdb is loaded only then. */
async function openStore(
  { store: folder, retainAgeMs, retainBytes, storeFloor }: HostSettings,
  log: Log,
  before: Pick<OpenHostStoreOptions, 'isExpected' | 'names'>,
): Promise<HostStore | undefined> {
  if (folder === undefined) return undefined
  const { openHostStore } = await import('../store/open-host-store.js')
  return openHostStore(folder, {
    retention: { age: retainAgeMs, bytes: retainBytes },
    floor: storeFloor,
    warn: text => log.warning(text),
    ...before,
  })
}

function statusOf({ port, listen, leader }: HostSettings, capabilities: Capabilities): () => HostStatus {
  const id = randomUUID()
  const startedAt = performance.now()
  return () => ({
    id,
    pid: process.pid,
    version,
    port,
    address: listen,
    leader,
    capabilities: { ...capabilities.values },
    uptimeMs: Math.round(performance.now() - startedAt),
  })
}

interface Controlled {
  readonly handOver: (by: string) => Promise<void>
  readonly settings: HostSettings
  readonly ending: Ending
  readonly capabilities: Capabilities
  readonly registered: () => Registrations
}

async function control(
  method: string,
  args: unknown,
  { ending, capabilities, settings, registered, handOver }: Controlled,
): Promise<unknown> {
  if (method === 'joining') return { leader: settings.leader, join: settings.join, listen: settings.listen }
  if (method === 'registrations') return registered()
  if (method === 'handOver') {
    await handOver(
      new Fields(args, what => new InvalidOptionError(`Who is handed over to ${what}.`)).text('client', 64),
    )
    setImmediate(() => ending.tell('handed over'))
    return true
  }
  if (method === 'settings') return settingsKept(settings)
  if (method === 'capabilities') {
    if (args !== undefined) await capabilities.change(args)
    return capabilities.values
  }
  if (method !== 'stop') {
    return Promise.reject(
      new UnsupportedError(
        `This host (msgvan ${version}) has no call ${JSON.stringify(method.slice(0, 100))}.`,
      ),
    )
  }
  // When the answer is on its way.
  setImmediate(() => ending.tell('asked'))
  return Promise.resolve(true)
}
