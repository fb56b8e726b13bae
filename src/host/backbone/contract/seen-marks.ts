/** The last message of each publisher and topic that came from another host, in a store. */
export interface SeenMarks {
  /** 0: unknown. */
  seen(publisher: string, topic: string): number
  /** In one transaction with the message itself, which is accepted or refused in this very turn. */
  markSeen(publisher: string, topic: string, sequence: number): void
  /** Messages from there on could not be written. */
  forgetSeen(publisher: string, topic: string, sequence: number): void
}
