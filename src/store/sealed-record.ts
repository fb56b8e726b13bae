import { crc32 } from 'node:zlib'
import { StoreDamagedError } from '../errors.js'

const HEAD = 4

/**
 * A record with its checksum before it. lmdb has none, and a store must not owe a message because of a wrong record.
 */
export function seal(table: string, key: string, value: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(HEAD + value.length)
  record.writeUInt32LE(checksum(`${table}/${key}`, value), 0)
  record.set(value, HEAD)
  return record
}

/** @throws StoreDamagedError */
export function unseal(table: string, key: string, record: Buffer): Buffer {
  const value = record.subarray(HEAD)
  if (record.length < HEAD || !isWhole(table, key, value, record.readUInt32LE(0))) {
    throw new StoreDamagedError(
      `The store's record ${JSON.stringify(key)} of ${table} is damaged: its checksum is wrong.`,
    )
  }
  return value
}

/** Before format 3 the table was not part of it. */
function isWhole(table: string, key: string, value: Uint8Array, written: number): boolean {
  return written === checksum(`${table}/${key}`, value) || written === checksum(key, value)
}

/** Includes its place: a record in another place is damaged too. */
function checksum(place: string, value: Uint8Array): number {
  return crc32(value, crc32(place))
}
