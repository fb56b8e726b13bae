import fc from 'fast-check'

const PAGE = 4096

/** What may become of a file on a disk: a part of a page, and where. Values from 0 to 1 are drawn. */
export type Harm = Readonly<{
  kind: 'flip' | 'flip a head' | 'zero' | 'tear' | 'swap' | 'cut'
  at: number
  other: number
}>

export const harms: fc.Arbitrary<Harm> = fc.record({
  kind: fc.constantFrom('flip', 'flip a head', 'zero', 'tear', 'swap', 'cut'),
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  other: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
})

export function harmed(whole: Buffer, { kind, at, other }: Harm): Buffer {
  const file = Buffer.from(whole)
  const page = Math.floor((at * file.length) / PAGE) * PAGE
  const flip = (byte: number): void => {
    file[byte] = (file[byte] ?? 0) ^ (1 << Math.floor(other * 8))
  }
  switch (kind) {
    case 'flip':
      flip(Math.floor(at * file.length))
      return file
    case 'flip a head':
      flip(page + Math.floor(other * 160))
      return file
    case 'zero':
      return file.fill(0, page, page + PAGE)
    case 'tear':
      return file.fill(0, page + PAGE / 2, page + PAGE)
    case 'swap': {
      const from = Math.floor((other * file.length) / PAGE) * PAGE
      whole.copy(file, page, from, from + PAGE)
      return file
    }
    case 'cut':
      return file.subarray(0, Math.max(2 * PAGE, Math.floor(at * file.length)))
  }
}
