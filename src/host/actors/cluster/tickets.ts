import { newId } from '../../../message/new-id.js'

/** Tickets of placements under way. Each tells whether the caller is this machine's user, and is good for one start here. */
export class Tickets {
  readonly #tickets = new Map<string, boolean>()

  issue(isLocalUser: boolean): string {
    const ticket = newId(18)
    this.#tickets.set(ticket, isLocalUser)
    return ticket
  }

  isOfLocalUser(ticket: string): boolean {
    return this.#tickets.get(ticket) ?? false
  }

  /** @returns whether the caller was this machine's user */
  redeem(ticket: string): boolean {
    const isLocalUser = this.isOfLocalUser(ticket)
    this.#tickets.delete(ticket)
    return isLocalUser
  }
}
