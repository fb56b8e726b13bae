/** One added value. `order` only grows: it is the order of addition. */
export interface Addition<V> {
  readonly order: number
  readonly value: V
}

/** The values added in one place, in order. It is the first value itself, since most places have only one. */
export interface Additions<V> {
  order: number
  value: V
  more: Addition<V>[] | undefined
}

/** Appends behind all others. */
export function append<V>(additions: Additions<V>, order: number, value: V): void {
  const addition = { order, value }
  if (additions.more === undefined) additions.more = [addition]
  else additions.more.push(addition)
}

/**
 * @returns the removed addition; undefined if it is not there. The only one stays: then the caller removes the place.
 */
export function takeOut<V>(additions: Additions<V>, order: number): Addition<V> | undefined {
  const { more } = additions
  if (additions.order === order) {
    const { value } = additions
    const first = more?.shift()
    if (first === undefined) return { order, value }
    additions.order = first.order
    additions.value = first.value
    return { order, value }
  }
  if (more === undefined) return undefined
  let low = 0
  let high = more.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((more[middle]?.order ?? 0) < order) low = middle + 1
    else high = middle
  }
  return more[low]?.order === order ? more.splice(low, 1)[0] : undefined
}
