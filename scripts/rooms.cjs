/** The rooms of src/, by level: a room imports only rooms on its own level or below. docs/architecture.md draws it. */
module.exports = [
  ['cli'],
  ['daemon', 'host'],
  ['state'],
  ['workers', 'client'],
  ['wire', 'broker', 'bus', 'store'],
  ['operators', 'message'],
  ['codec'],
]
