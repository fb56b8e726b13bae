import type { CallArgs, HostMethod } from '../../src/wire/calls/calls.js'
import type { Bus, Middleware } from '../../src/index.js'
import { createBus } from '../../src/bus/create-bus.js'
import { RemoteBroker, type RemoteBrokerOptions } from '../../src/client/remote-broker.js'
import { isDeadWithin } from '../../src/daemon/gone.js'
import { readPidHint } from '../../src/state/pid-hint.js'
import { localSecret } from '../../src/state/secret.js'
import type { Started } from './processes.js'
import { msgvanMain, Sandbox } from './sandbox.js'

export const token = 'the token of a convention, long enough'

/** One host of a convention: a process with a state folder and a port of its own. */
export class ConventionHost {
  process: Started | undefined
  /** The command line that starts and restarts it: this version's, or another's. */
  main = msgvanMain
  readonly #buses: Bus[] = []

  constructor(
    readonly sandbox: Sandbox,
    readonly args: readonly string[],
  ) {}

  get port(): number {
    return this.sandbox.port
  }

  async start(args: readonly string[] = []): Promise<Started> {
    const process = this.sandbox.node([this.main, 'host', ...this.args, ...args], {
      env: { MSGVAN_TOKEN: token },
    })
    this.process = process
    await process.shows(/listening/)
    return process
  }

  /** Of the host that has the port now, whoever started it, of whatever version. It is ended with the sandbox. */
  async pid(): Promise<number> {
    const pid = await readPidHint(this.sandbox.paths, this.port)
    if (pid === undefined) throw new Error('no host has written a pid file')
    this.sandbox.owns(pid)
    return pid
  }

  /** As kill -9 does, whoever started it. */
  async kill(): Promise<void> {
    const pid = await this.pid()
    process.kill(pid, 'SIGKILL')
    if (!(await isDeadWithin(30_000, pid))) throw new Error(`host ${pid} outlives kill -9`)
  }

  /** By the command, which leaves another host in the background. */
  async restart(): Promise<void> {
    const { code, stderr } = await this.sandbox.node([this.main, 'restart'], {
      env: { MSGVAN_TOKEN: token },
    }).ended
    if (code !== 0) throw new Error(`restart ended with ${code ?? 'a signal'}: ${stderr}`)
    await this.pid()
  }

  bus(van = 'default', options: Partial<RemoteBrokerOptions> = {}, use?: readonly Middleware[]): Bus {
    const bus = createBus(van, this.#broker(van, options), { use })
    this.#buses.push(bus)
    return bus
  }

  #broker(van: string, options: Partial<RemoteBrokerOptions> = {}): RemoteBroker {
    return new RemoteBroker({
      url: `http://127.0.0.1:${this.port}`,
      van,
      pid: process.pid,
      secret: async () => ({ secret: await localSecret(this.sandbox.paths) }),
      ...options,
    })
  }

  /** As the command line does it. */
  async control<M extends HostMethod>(method: M, ...args: CallArgs<`host.${M}`>): Promise<unknown> {
    const broker = this.#broker('default')
    try {
      return await broker.callHost(method, ...args)
    } finally {
      await broker.close({ drain: false })
    }
  }

  async closeBuses(): Promise<void> {
    await Promise.all(this.#buses.splice(0).map(bus => bus.close({ drain: false })))
  }

  async clean(): Promise<void> {
    await this.closeBuses()
    await this.sandbox.clean()
  }
}

/** A leader and its followers, each a real process. */
export class Convention {
  private constructor(
    readonly leader: ConventionHost,
    readonly followers: ConventionHost[],
  ) {}

  /** @param via the port by which followers reach the leader: that of a proxy, say. Default: the leader's own */
  static async start(
    followers = 1,
    {
      via = port => Promise.resolve(port),
      args = [],
      leaderArgs = [],
    }: { via?: (port: number) => Promise<number>; args?: string[]; leaderArgs?: string[] } = {},
  ): Promise<Convention> {
    const leader = new ConventionHost(await Sandbox.make(), ['--leader', ...args, ...leaderArgs])
    await leader.start()
    const join = `127.0.0.1:${await via(leader.port)}`
    const others: ConventionHost[] = []
    for (let i = 0; i < followers; i++) {
      const follower = new ConventionHost(await Sandbox.make(), ['--join', join, ...args])
      await follower.start()
      others.push(follower)
    }
    return new Convention(leader, others)
  }

  follower(at = 0): ConventionHost {
    const follower = this.followers[at]
    if (follower === undefined) throw new Error(`there is no follower ${at}`)
    return follower
  }

  async closeBuses(): Promise<void> {
    await Promise.all([this.leader, ...this.followers].map(host => host.closeBuses()))
  }

  async clean(): Promise<void> {
    await Promise.all([this.leader, ...this.followers].map(host => host.clean()))
  }
}
