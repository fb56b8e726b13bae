import { ActorStartError } from '../errors.js'
import type { Log } from '../log/log.js'
import { backoff } from '../operators/backoff.js'
import { openIsolate, type Isolate, type OpenIsolate } from './isolate.js'
import { notPlaced, titleOf, type WantedActor } from './definition/refusals.js'
import type { Confinement } from './worker-environment.js'
import type { ActorTask, Consumed, FromWorker, ToWorker } from './worker-messages.js'

/** After this number of crashes in a row, without a finished message between them, it is given up. */
const MAX_CRASHES = 10

const LOAD_TIMEOUT = 30_000

/** Milliseconds that a stopped actor may take for its message in hand. */
const STOP_TIMEOUT = 10_000

/** Milliseconds that its next incarnation waits for the end of the last one's children. */
const CHILDREN_MS = 1_000

export interface ActorEvents {
  line(stream: 'out' | 'err', text: string): void
  log(level: keyof Log, text: string): void
  /**
   * Its host does not meet its requirements.
   *
   * @param hasRun it met them when this was started
   */
  unfit(missing: string, hasRun: boolean): void
  /** It crashed, and is started again after `delay` milliseconds. */
  crashed(reason: string, delay: number): void
  /** It crashed too often, and is not started again. */
  gaveUp(reason: string): void
  /** This worker's session will not come back. Resolves when its children have ended. */
  gone(clientId: string): Promise<void>
}

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** One instance of an actor in its isolate: loaded, run, and started again when it crashes, until it is stopped. */
export class SupervisedActor {
  readonly #confinement: Confinement
  readonly #task: () => ActorTask
  readonly #events: ActorEvents
  readonly #delay: (error: unknown, crashes: number) => number
  readonly #openIsolate: OpenIsolate
  #isolate: Isolate | undefined
  #state: 'starting' | 'running' | 'restarting' | 'stopped' = 'starting'
  /** It was set up once, here or in an earlier host: from then on it restarts after a crash. */
  #hasRun = false
  #hasRunHere = false
  #isGoing = false
  #crashesInARow = 0
  #restarts = 0
  #restartTimer: NodeJS.Timeout | undefined
  #setupTimer: NodeJS.Timeout | undefined
  /** Ends an isolate that does not finish its set-up. */
  #giveUp: () => void = () => undefined
  #setupMs = 0
  #loading: Waiting | undefined
  #starting: Waiting | undefined
  #onEnded: (() => void)[] = []
  readonly #onSubscribed: (() => void)[] = []

  /**
   * @param task made anew for each start, with a fresh client id
   */
  constructor(
    confinement: Confinement,
    task: () => ActorTask,
    events: ActorEvents,
    delay: (error: unknown, crashes: number) => number = backoff({ initial: 100, max: 10_000 }),
    open: OpenIsolate = openIsolate,
  ) {
    this.#delay = delay
    this.#openIsolate = open
    this.#confinement = confinement
    this.#task = task
    this.#events = events
  }

  get state(): string {
    return this.#state
  }

  get restarts(): number {
    return this.#restarts
  }

  /**
   * Loads the module, and checks in it whether this host fits.
   *
   * @throws ActorStartError, ActorPlacementError
   */
  async load(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        this.#loading = { resolve, reject }
        this.#open()
        timer = setTimeout(() => reject(new ActorStartError(lateToLoad(this.#task()))), LOAD_TIMEOUT)
      })
    } finally {
      clearTimeout(timer)
      this.#loading = undefined
    }
  }

  /**
   * Makes the actor. Resolves when it is set up and takes messages.
   *
   * @throws ActorStartError
   */
  async run(): Promise<void> {
    if (this.#isolate === undefined)
      throw new ActorStartError(`Actor ${titleOf(wantedOf(this.#task()))} was stopped while it was set up.`)
    await new Promise<void>((resolve, reject) => {
      this.#starting = { resolve, reject }
      this.#go()
    })
    this.#starting = undefined
  }

  /** For an actor of an earlier host: if it does not start, that is a crash like any other. */
  startAgain(): void {
    this.#hasRun = true
    this.#open()
  }

  /** Lets it finish its message in hand, and ends it after ten seconds. Resolves when its children have ended, too. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    clearTimeout(this.#restartTimer)
    const isolate = this.#isolate
    if (isolate === undefined) return
    const ended = new Promise<void>(resolve => this.#onEnded.push(resolve))
    const timer = setTimeout(() => isolate.terminate(), STOP_TIMEOUT)
    // An actor that was never set up has nothing to finish, and may not listen.
    if (this.#isGoing && this.#hasRun) isolate.send({ kind: 'stop' })
    else isolate.terminate()
    await ended
    clearTimeout(timer)
  }

  /** Resolves when it gets the messages of these beside those of its mailbox, and of no others. */
  async subscribe(subscriptions: readonly Consumed[]): Promise<void> {
    // A later start has it in its task.
    if (this.#isolate === undefined) return
    const isDone = new Promise<void>(resolve => this.#onSubscribed.push(resolve))
    this.send({ kind: 'subscriptions', subscriptions })
    // An actor that is starting reads it before it begins.
    if (this.#isGoing) await isDone
  }

  /** Sends it news while it runs. */
  send(words: ToWorker): void {
    this.#isolate?.send(words)
  }

  #open(): void {
    const task = this.#task()
    this.#isGoing = false
    let lastWords: string | undefined
    const isolate = this.#openIsolate(this.#confinement, task, {
      line: (stream, text) => this.#events.line(stream, text),
      message: words => {
        if (words.kind === 'failed') lastWords = words.message
        this.#heard(words, task)
      },
      ended: reason => this.#ended(lastWords ?? reason, task),
    })
    this.#isolate = isolate
    this.#giveUp = () => {
      lastWords = `it was not set up within ${task.setupTimeout / 1000} s (setupTimeout): its constructor or setup waits for something`
      isolate.terminate()
    }
    this.#setupMs = task.setupTimeout
    // The awaiting caller checks the time.
    if (this.#loading !== undefined) return
    this.#setupTimer = setTimeout(() => {
      lastWords = lateToLoad(task)
      isolate.terminate()
    }, LOAD_TIMEOUT)
  }

  #heard(words: FromWorker, task: ActorTask): void {
    const wanted = wantedOf(task)
    switch (words.kind) {
      case 'loaded':
        // A restart, which no caller awaits.
        if (this.#loading === undefined) this.#go()
        else this.#loading.resolve()
        return
      case 'unfit':
        if (this.#loading === undefined) return this.#events.unfit(words.missing, this.#hasRunHere)
        this.#loading.reject(notPlaced(wanted, words.missing, words.requires))
        return
      case 'failed':
        this.#loading?.reject(new ActorStartError(words.message))
        this.#starting?.reject(
          new ActorStartError(`Actor ${titleOf(wanted)} failed in its set-up: ${words.message}`),
        )
        return
      case 'running':
        clearTimeout(this.#setupTimer)
        this.#hasRun = true
        this.#hasRunHere = true
        if (this.#state !== 'stopped') this.#state = 'running'
        this.#starting?.resolve()
        return
      case 'worked':
        this.#crashesInARow = 0
        return
      case 'subscribed':
        this.#onSubscribed.shift()?.()
        return
      case 'error':
        this.#events.line('err', `${words.code}: ${words.message}`)
        return
      case 'log':
        this.#events.log(words.level, words.text)
    }
  }

  #ended(reason: string, task: ActorTask): void {
    this.#isolate = undefined
    clearTimeout(this.#setupTimer)
    const bereft = this.#events.gone(task.clientId).catch(() => undefined)
    for (const tell of this.#onSubscribed.splice(0)) tell()
    for (const tell of this.#onEnded.splice(0)) void bereft.then(tell)
    const title = titleOf(wantedOf(task))
    const error = new ActorStartError(`Actor ${title} ended before it was set up: ${reason}`)
    this.#loading?.reject(error)
    this.#starting?.reject(error)
    if (this.#state !== 'stopped' && this.#hasRun) this.#restart(reason, bereft)
  }

  /**
   * @param bereft resolves when its children are gone, which frees their names; if that takes long, it does not wait
   */
  #restart(reason: string, bereft: Promise<void>): void {
    this.#crashesInARow += 1
    if (this.#crashesInARow >= MAX_CRASHES) {
      this.#state = 'stopped'
      this.#events.gaveUp(reason)
      return
    }
    this.#state = 'restarting'
    const delay = this.#delay(undefined, this.#crashesInARow)
    this.#events.crashed(reason, delay)
    let isUnderWay = false
    const again = (): void => {
      clearTimeout(this.#restartTimer)
      if (isUnderWay || this.#state !== 'restarting') return
      isUnderWay = true
      this.#restarts += 1
      this.#open()
    }
    this.#restartTimer = setTimeout(() => {
      this.#restartTimer = setTimeout(again, CHILDREN_MS)
      void bereft.then(again)
    }, delay)
  }

  #go(): void {
    this.#isGoing = true
    clearTimeout(this.#setupTimer)
    this.#setupTimer = setTimeout(this.#giveUp, this.#setupMs)
    this.#isolate?.send({ kind: 'go' })
  }
}

function lateToLoad({ module }: ActorTask): string {
  return `${module} did not load within ${LOAD_TIMEOUT / 1000} s: its top level waits for something.`
}

function wantedOf({ self, module, export: exported }: ActorTask): WantedActor {
  return { name: self.name, module, export: exported }
}
