import { expect } from 'chai'
import { TopicAnswers } from '../../../src/host/rights/topic-answers.js'

describe('the answers about topics', () => {
  it('are asked for once, again when they are forgotten, and bounded', () => {
    const asked: string[] = []
    const answers = new TopicAnswers(topic => {
      asked.push(topic)
      return topic.startsWith('a')
    })
    expect([answers.of('a'), answers.of('b'), answers.of('a'), answers.of('b')]).to.deep.equal([
      true,
      false,
      true,
      false,
    ])
    expect(asked).to.deep.equal(['a', 'b'])
    answers.forget()
    expect(answers.of('b')).to.equal(false)
    expect(asked).to.deep.equal(['a', 'b', 'b'])
    for (let at = 0; at < 4_096; at += 1) answers.of(`t${at}`)
    asked.length = 0
    expect(answers.of('b')).to.equal(false)
    expect(asked).to.deep.equal(['b'])
  })
})
