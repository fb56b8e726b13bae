import { KEYS } from './history.js'
import type { Subscribing } from './party.js'

/** By which the history calls a host. */
export const nameOf = (at: number): string => `host${at}`
/** It keeps all that has a name. */
export const LEADER = nameOf(0)

export const audit: Subscribing = {
  sub: 'audit',
  how: 'handle',
  rules: { isAlone: true, keptBy: LEADER },
  options: { name: 'audit' },
}
export const plain = (sub: string, keptBy: string): Subscribing => ({
  sub,
  how: 'auto',
  rules: { isAlone: true, keptBy },
})
export const shared: Subscribing = {
  sub: 'shared',
  how: 'handle',
  rules: { isAlone: false, keptBy: LEADER },
  options: { name: 'shared' },
}
export const orders: Subscribing = {
  sub: 'orders',
  how: 'handle',
  // One at a time over two hosts: ten publishers would be too much for it.
  rules: { isAlone: true, isOrdered: true, of: 'p0', keptBy: LEADER },
  options: { name: 'orders', ordered: true },
}
/** One of each key at a time, over consumers of two hosts, of which one is killed. */
export const keyed: Subscribing = {
  sub: 'keyed',
  how: 'handle',
  rules: { isAlone: false, isOrdered: true, keys: KEYS, keptBy: LEADER },
  options: { name: 'keyed', ordered: 'key' },
}
export const shaky: Subscribing = {
  sub: 'shaky',
  how: 'retry',
  rules: { isAlone: true, keptBy: LEADER },
  options: { name: 'shaky' },
}
export const strict: Subscribing = {
  sub: 'strict',
  how: 'strict',
  rules: { isAlone: false, keptBy: LEADER },
  options: { name: 'strict' },
}
export const late: Subscribing = {
  sub: 'late',
  how: 'auto',
  rules: { isAlone: true, replays: true, keptBy: LEADER },
  options: { name: 'late', from: 'start' },
}
