/** One line of a chart: its points from left to right. */
export interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

const WIDTH = 720
const HEIGHT = 420
const LEFT = 70
const RIGHT = 190
const TOP = 40
const BOTTOM = 50
const COLOURS = ['#0b6e99', '#b5520b', '#3d7a2a', '#7a3d8c']

const power = (value: number, round: (value: number) => number): number => round(Math.log10(value))

function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6} M`
  return value >= 1e3 ? `${value / 1e3} k` : String(value)
}

/** Both axes by powers of ten. */
export function drawChart(title: string, xTitle: string, yTitle: string, lines: readonly Line[]): string {
  const all = lines.flatMap(({ points }) => points)
  const xs = { from: 0, to: Math.max(1, power(Math.max(...all.map(([x]) => x)), Math.ceil)) }
  const ys = {
    from: power(Math.min(...all.map(([, y]) => y)), Math.floor),
    to: power(Math.max(...all.map(([, y]) => y)), Math.ceil),
  }
  const x = (value: number): number =>
    LEFT + ((Math.log10(value) - xs.from) / (xs.to - xs.from)) * (WIDTH - LEFT - RIGHT)
  const y = (value: number): number =>
    HEIGHT - BOTTOM - ((Math.log10(value) - ys.from) / (ys.to - ys.from)) * (HEIGHT - TOP - BOTTOM)
  const out: string[] = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT}" y="22" font-size="15">${title}</text>`,
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 12}" text-anchor="middle">${xTitle}</text>`,
    `<text transform="translate(16 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${yTitle}</text>`,
  ]
  for (let at = xs.from; at <= xs.to; at += 1)
    out.push(
      `<path d="M${x(10 ** at).toFixed(1)} ${TOP}V${HEIGHT - BOTTOM}" stroke="#ddd"/>`,
      `<text x="${x(10 ** at).toFixed(1)}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${short(10 ** at)}</text>`,
    )
  for (let at = ys.from; at <= ys.to; at += 1)
    out.push(
      `<path d="M${LEFT} ${y(10 ** at).toFixed(1)}H${WIDTH - RIGHT}" stroke="#ddd"/>`,
      `<text x="${LEFT - 8}" y="${(y(10 ** at) + 4).toFixed(1)}" text-anchor="end">${short(10 ** at)}</text>`,
    )
  for (const [at, { name, points }] of lines.entries()) {
    const colour = COLOURS[at % COLOURS.length] ?? '#000'
    const path = points.map(([px, py]) => `${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join('L')
    out.push(`<path d="M${path}" fill="none" stroke="${colour}" stroke-width="2"/>`)
    for (const [px, py] of points)
      out.push(`<circle cx="${x(px).toFixed(1)}" cy="${y(py).toFixed(1)}" r="3" fill="${colour}"/>`)
    const row = TOP + 14 + at * 20
    out.push(`<text x="${WIDTH - RIGHT + 14}" y="${row}" fill="${colour}">${name}</text>`)
  }
  return `${out.join('\n')}\n</svg>\n`
}
