/** The worker that created a child: one incarnation of one instance of its parent, which takes the child along when it ends. */
export interface BornOf {
  /** That worker's client id. */
  readonly incarnation: string
  /** The host on which it runs. */
  readonly host: string
}
