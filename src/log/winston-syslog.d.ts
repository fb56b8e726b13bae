/** winston-syslog comes without types: these are the parts that msgvan uses. */
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
