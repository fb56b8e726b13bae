import type { Backbone } from './contract/backbone.js'
import type { Followers } from './introduction.js'
import type { HostList } from './host-list.js'

/** The host, as every kind of backbone uses it. */
export interface BackboneOptions {
  readonly members: HostList
  /** Milliseconds that a session lasts without its client. */
  readonly sessionTtl: number
  readonly endSession: (client: string, how: 'goodbye' | 'replaced') => void
  readonly warn: (text: string) => void
}

/** A backbone, and its side for the sessions of hosts that join this one. */
export interface HostBackbone extends Backbone {
  /** Left out: no host can join. */
  readonly followers?: Followers
}

export type MakeBackbone = (options: BackboneOptions) => HostBackbone
