/** What every message of a scenario carries: enough to tell whose it is, which one, and whether a byte of it is wrong. */
export interface Content {
  readonly publisher: string
  readonly sequence: number
  /** At so many attempts the consumer that gets it dies. */
  readonly fatal: number
  readonly body: Buffer
}

export function content(publisher: string, sequence: number, bytes: number, fatal: number): Content {
  return { publisher, sequence, fatal, body: bodyOf(publisher, sequence, bytes) }
}

export function isContent(payload: unknown): payload is Content {
  return (
    typeof payload === 'object' &&
    payload !== null &&
    'publisher' in payload &&
    'sequence' in payload &&
    'body' in payload &&
    Buffer.isBuffer(payload.body)
  )
}

/** Whether it is what was published, to the last byte. */
export function isIntact({ publisher, sequence, body }: Content, bytes: number): boolean {
  return body.equals(bodyOf(publisher, sequence, bytes))
}

function bodyOf(publisher: string, sequence: number, bytes: number): Buffer {
  const mark = Buffer.from(`${publisher} ${sequence} `)
  return Buffer.alloc(bytes, mark)
}
