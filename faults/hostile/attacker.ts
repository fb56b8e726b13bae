import { attacks, type Target } from './attacks.js'
import type { Scale } from '../scenario.js'

// One attack, in a process of its own: it must not slow the honest pair down by itself.

const [name = '', scale = 'short', port = '', secret = ''] = process.argv.slice(2)
const target: Target = { port: Number(port), secret: Buffer.from(secret, 'hex') }
const attack = attacks[name]
if (attack === undefined) throw new Error(`there is no attack ${name}`)
console.log(await attack(target, scale as Scale))
process.exit()
