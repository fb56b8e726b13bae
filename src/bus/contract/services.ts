import type { Observable, ObservableInput } from 'rxjs'
import type { Message } from '../../message/message.js'
import type { DisposableSubscription } from '../ending/disposable.js'

/**
 * The type of an app's services: for each topic of requests, and each name of a remote observable, the type of the
 * request and of the reply. `interface MyServices { 'prices.of': { request: string; reply: number } }`, given as
 * `van<MyTopics, MyServices>()`.
 */
export type Services = object

/** The default: every request and reply is `unknown` unless the caller gives a type. */
export interface AnyServices {
  [topic: string]: { request: unknown; reply: unknown }
}

/** The services that an app lists. */
export type ServiceName<S> = string extends keyof S ? never : Extract<keyof S, string>

export type RequestOf<S, K> = K extends keyof S
  ? S[K] extends { request: infer Q }
    ? Q
    : undefined
  : unknown

export type ReplyOf<S, K> = K extends keyof S ? (S[K] extends { reply: infer A } ? A : undefined) : unknown

/** A name that the app does not list: listed ones have their types. */
export type Unlisted<S, K extends string> = K extends ServiceName<S> ? never : K

/** What a responder returns. The first value of an Observable is the answer. An array is one answer. */
export type Reply<R> = Observable<R> | PromiseLike<R> | AsyncIterable<R> | R

export interface RequestOptions {
  /** The longest wait for the answer, in milliseconds. Default 10,000. `Infinity`: without an end. */
  timeout?: number
  /** Gives the request up with its reason. */
  signal?: AbortSignal
  /** How many responders may die of the request. Default 3. An error of a responder is an answer, and not counted. */
  attempts?: number
}

export interface ReplyOptions {
  /** Its responders share one queue, and `status()` shows it. It ends with its last responder. Default: none. */
  name?: string
  /** The number of requests in work at once; more wait in the van. Default 64. */
  concurrency?: number
}

/**
 * `expose` of a bus. Without listed services it has one signature: TypeScript types a function by the first overload
 * that it looks at, and a listed name would make `never` of all that it has inside.
 */
export type Expose<S> = string extends keyof S ? AnyOf['expose'] : ExposeListed<S>

type Exposed<A, R> = (args: A) => ObservableInput<R>

/** Methods, since TypeScript compares the parameters of functions more strictly. */
interface AnyOf {
  expose<A = unknown, R = unknown>(name: string, factory: Exposed<A, R>): DisposableSubscription
  reply<P = unknown, R = unknown>(
    pattern: RegExp | string,
    responder: Responder<P, R>,
    options?: ReplyOptions,
  ): DisposableSubscription
}

interface ExposeListed<S> {
  <K extends ServiceName<S>>(
    name: K,
    factory: Exposed<RequestOf<S, K>, ReplyOf<S, K>>,
  ): DisposableSubscription
  <A = unknown, R = unknown, K extends string = string>(
    name: Unlisted<S, K>,
    factory: Exposed<A, R>,
  ): DisposableSubscription
}

/** `reply` of a bus, for the same reason with one signature where no services are listed. */
export type Respond<S> = string extends keyof S ? AnyOf['reply'] : RespondListed<S>

type Responder<P, R> = (message: Message<P>) => Reply<R>

interface RespondListed<S> {
  <K extends ServiceName<S>>(
    topic: K,
    responder: Responder<RequestOf<S, K>, ReplyOf<S, K>>,
    options?: ReplyOptions,
  ): DisposableSubscription
  <P = unknown, R = unknown, K extends string = string>(
    pattern: RegExp | Unlisted<S, K>,
    responder: Responder<P, R>,
    options?: ReplyOptions,
  ): DisposableSubscription
}

/** The payload may be left out if it may be undefined. */
export type RequestArgs<Q> = undefined extends Q
  ? [payload?: Q, options?: RequestOptions]
  : [payload: Q, options?: RequestOptions]
