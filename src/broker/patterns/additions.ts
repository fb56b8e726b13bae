/** One value as it was added. `order` only grows: it is the order of addition. */
export interface Addition<V> {
  readonly order: number
  readonly value: V
}

/** What was added in one place, in order. It begins with the first itself, since mostly there is no other. */
export interface Additions<V> {
  order: number
  value: V
  more: Addition<V>[] | undefined
}

/** Behind all that are there. */
export function append<V>(additions: Additions<V>, order: number, value: V): void {
  const addition = { order, value }
  if (additions.more === undefined) additions.more = [addition]
  else additions.more.push(addition)
}

/** @returns what was taken out; undefined if it is not there. Where it is the only one it stays: the place is to go. */
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
