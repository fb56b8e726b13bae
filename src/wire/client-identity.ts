import { sha256 } from './digest.js'
import { fromBase64Url, toBase64Url } from './principal-token.js'

/**
 * Names a client, and its messages, in the whole van. The id is the digest of the key, which only this client and its
 * host know. So no other client can prove this id.
 */
export interface ClientIdentity {
  readonly id: string
  readonly key: Uint8Array
}

export const CLIENT_KEY_BYTES = 32
/** 128 bits: it is infeasible to find another key of the same id. */
export const CLIENT_ID_BYTES = 16
/** Ids of workers begin with their kind. */
const ID = /^(worker\/|worker-of-others\/)?[A-Za-z0-9_-]{22}$/
const KEY = /^[A-Za-z0-9_-]{43}$/

export async function newIdentity(): Promise<ClientIdentity> {
  const key = globalThis.crypto.getRandomValues(new Uint8Array(CLIENT_KEY_BYTES))
  return { id: await idOf(key), key }
}

/** Whether that is the key of a client that a worker is. */
export function isIdOfWorker(id: string): boolean {
  return ID.exec(id)?.[1] !== undefined
}

/** @param shown the key as the proof has it */
export async function isKeyOf(id: string, shown: Uint8Array | undefined): Promise<boolean> {
  if (shown === undefined || !ID.test(id)) return false
  return id.slice(id.lastIndexOf('/') + 1) === (await idOf(shown))
}

/** @returns undefined if it has another form */
export function readKey(text: string): Uint8Array | undefined {
  return KEY.test(text) ? fromBase64Url(text) : undefined
}

async function idOf(key: Uint8Array): Promise<string> {
  return toBase64Url((await sha256(key)).subarray(0, CLIENT_ID_BYTES))
}
