/** winston-syslog comes without types: what msgvan uses of it. */
declare module 'winston-syslog' {
  import type Transport from 'winston-transport'

  export interface SyslogOptions {
    protocol: 'unix'
    path: string
    type: 'BSD'
    facility: string
    appName: string
    /** Empty: no host name is sent. */
    localhost: string
  }

  export class Syslog extends Transport {
    constructor(options: SyslogOptions)
    /** Lines that could not be sent. With `protocol: 'unix'` nothing ever empties it. */
    queue: string[]
    override log(info: object, next: (error?: unknown) => void): void
    override close(): void
  }
}
