import { Actor } from 'msgvan'

/** Counts primes in a range: as much work as one likes. */
export class Counter extends Actor {
  /**
   * @param {import('msgvan').Message<{ from: number, to: number }>} message
   * @param {import('msgvan').ActorContext} context
   */
  receive({ payload: { from, to } }, { instance }) {
    let primes = 0
    for (let n = Math.max(from, 2); n < to; n += 1) if (isPrime(n)) primes += 1
    return { primes, instance }
  }
}

/** @param {number} n */
function isPrime(n) {
  for (let divisor = 2; divisor * divisor <= n; divisor += 1) if (n % divisor === 0) return false
  return true
}
