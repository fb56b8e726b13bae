/** The worker that created a child: one incarnation of one instance of its parent. The child ends with it. */
export interface BornOf {
  /** That worker's client id. */
  readonly incarnation: string
  /** The host on which it runs. */
  readonly host: string
}
