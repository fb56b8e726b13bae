import { crc32 } from 'node:zlib'
import { StoreDamagedError } from '../errors.js'
import type { Chunk } from './store.js'

/** Checksum (4), count (4), time (8), then the messages. */
const HEAD = 16
const KEY = 12

export function chunkKey(log: number, first: number): Buffer {
  const key = Buffer.allocUnsafe(KEY)
  key.writeUInt32BE(log, 0)
  key.writeBigUInt64BE(BigInt(first), 4)
  return key
}

export function encodeChunk({ count, writtenAt, bytes }: Chunk): Buffer {
  const record = Buffer.allocUnsafe(HEAD + bytes.length)
  record.writeUInt32LE(count, 4)
  record.writeDoubleLE(writtenAt, 8)
  record.set(bytes, HEAD)
  record.writeUInt32LE(crc32(record.subarray(4)), 0)
  return record
}

/** @throws StoreDamagedError */
export function decodeChunk(key: Buffer, record: Buffer): Chunk {
  const log = key.readUInt32BE(0)
  const first = Number(key.readBigUInt64BE(4))
  if (record.length < HEAD || crc32(record.subarray(4)) !== record.readUInt32LE(0)) {
    throw new StoreDamagedError(
      `The store's messages from number ${first} on (log ${log}) are not what was written: their checksum is wrong.`,
    )
  }
  return {
    log,
    first,
    count: record.readUInt32LE(4),
    writtenAt: record.readDoubleLE(8),
    bytes: record.subarray(HEAD),
  }
}
