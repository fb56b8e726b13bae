import { crc32 } from 'node:zlib'
import { StoreDamagedError } from '../errors.js'
import type { Chunk } from './store.js'

/** Checksum (4), count (4), time (8), then the messages. */
export const CHUNK_HEAD = 16
/** Log, then place. */
export const LOG_BYTES = 4
export const CHUNK_KEY = LOG_BYTES + 8

export function chunkKey(log: number, first: number): Buffer {
  const key = Buffer.allocUnsafe(CHUNK_KEY)
  key.writeUInt32BE(log, 0)
  key.writeBigUInt64BE(BigInt(first), 4)
  return key
}

export function placeOfKey(key: Buffer): { log: number; first: number } {
  return { log: key.readUInt32BE(0), first: Number(key.readBigUInt64BE(4)) }
}

export function encodeChunk({ log, first, count, writtenAt, bytes }: Chunk): Buffer {
  const record = Buffer.allocUnsafe(CHUNK_HEAD + bytes.length)
  record.writeUInt32LE(count, 4)
  record.writeDoubleLE(writtenAt, 8)
  record.set(bytes, CHUNK_HEAD)
  record.writeUInt32LE(checksum(chunkKey(log, first), record), 0)
  return record
}

/** @throws StoreDamagedError */
export function decodeChunk(key: Buffer, record: Buffer): Chunk {
  const { log, first } = placeOfKey(key)
  if (record.length < CHUNK_HEAD || !isWhole(key, record)) {
    throw new StoreDamagedError(
      `The store's messages from number ${first} on (log ${log}) are damaged: their checksum is wrong.`,
    )
  }
  return {
    log,
    first,
    count: countOf(record),
    writtenAt: record.readDoubleLE(8),
    bytes: record.subarray(CHUNK_HEAD),
  }
}

/** The number of its messages. */
export function countOf(record: Buffer): number {
  return record.readUInt32LE(4)
}

/** Before format 3 the key was not part of it. */
function isWhole(key: Buffer, record: Buffer): boolean {
  const written = record.readUInt32LE(0)
  return written === checksum(key, record) || written === crc32(record.subarray(4))
}

/** Includes the key: messages in another place are damaged too. */
function checksum(key: Buffer, record: Buffer): number {
  return crc32(record.subarray(4), crc32(key))
}
