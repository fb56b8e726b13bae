import { randomBytes } from 'node:crypto'

/** Of actors that are being placed: whether who wants them is this machine's user. Each good for one start here. */
export class Tickets {
  readonly #tickets = new Map<string, boolean>()

  issue(isLocalUser: boolean): string {
    const ticket = randomBytes(18).toString('base64url')
    this.#tickets.set(ticket, isLocalUser)
    return ticket
  }

  isOfLocalUser(ticket: string): boolean {
    return this.#tickets.get(ticket) ?? false
  }

  /** @returns whether it is of this machine's user */
  redeem(ticket: string): boolean {
    const isLocalUser = this.isOfLocalUser(ticket)
    this.#tickets.delete(ticket)
    return isLocalUser
  }
}
