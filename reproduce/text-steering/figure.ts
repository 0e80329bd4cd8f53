import { linePlot } from '@espalier/cli'
import type { Files, ReproductionResult } from '../result.ts'
import { figureFiles } from '../support/report.ts'
import { exact } from './exact.ts'
import { textsOf } from './experiment.ts'
import { methods } from './methods.ts'
import { kept, metrics, names, settings } from './names.ts'

/** What is drawn as a line; the rest is in the table. */
const { bestOfN, dtsStar, narrow, svdd, svdd20, fk, smc, greedy } = names
const shown = [bestOfN, dtsStar, narrow, svdd, svdd20, fk, smc, greedy]
const everyone = Object.values(methods).map(({ name }) => name)

/** Reward against NFE for each goal, what the judge makes of it, look-aheads, and the law that is known. */
export function figures(result: ReproductionResult): Files {
  const { section, sentiment, fluent, pattern, world } = settings
  const nfe = (setting: string, metric: string, title: string, y: string, lines: readonly string[] = shown) =>
    plot(result, setting, metric, lines, { title, y, subtitle: 'one search a seed', dashed: bestOfN })
  const { found } = metrics
  const svgs = figureFiles({
    figure: nfe(section, found, 'Searched for: a passage of the Apocalypse', 'log-odds of the classifier'),
    'section-trade-off': tradeOff(result, section, 'A passage of the Apocalypse, and what the judge makes of it'),
    'section-distinct': nfe(section, metrics.distinct, `How different the ${kept} best are`, 'distinct trigrams'),
    sentiment: nfe(sentiment, found, 'Searched for: kind words', 'mean score of the words (AFINN)'),
    'sentiment-trade-off': tradeOff(result, sentiment, 'Kind words, and what the judge makes of them'),
    fluent: nfe(fluent, found, 'Searched for: kind words, said well', '15 score + 2 log p'),
    'fluent-trade-off': tradeOff(result, fluent, 'Kind words, said well, and what the judge makes of them'),
    pattern: nfe(pattern, found, 'Searched for: words in -ing', 'share of the characters'),
    'pattern-trade-off': tradeOff(result, pattern, 'Words in -ing, and what the judge makes of them'),
    world: plot(
      ...([
        result,
        world,
        metrics.distance,
        exact.map(({ name }) => name).filter((name) => !name.includes('drawn')),
      ] as const),
      {
        title: 'How far from the tilted law',
        y: metrics.distance,
        subtitle: '32 sequences; a run each',
        logY: true,
      },
    ),
  })
  const page = samples(result)
  return page === undefined ? svgs : { ...svgs, 'samples.md': page }
}

interface PlotWords {
  readonly title: string
  readonly subtitle: string
  readonly y: string
  readonly logY?: boolean
  readonly dashed?: string
}

function plot(
  { table, seeds }: ReproductionResult,
  setting: string,
  metric: string,
  lines: readonly string[],
  { title, subtitle, y, logY, dashed }: PlotWords,
) {
  const rows = table.filter((r) => r.setting === setting && r.metric === metric)
  const series = lines.flatMap((name) => {
    const points = rows
      .filter(({ method }) => method === name)
      .map(({ nfe, mean, low, high }) => ({ x: nfe, y: mean, low, high }))
    return points.length === 0 ? [] : [{ name, points, dashed: name === dashed }]
  })
  if (series.length === 0) return undefined
  return linePlot({
    ...{ title, series },
    subtitle: `${subtitle}; mean and 95%, ${seeds.length} seeds`,
    x: { label: 'NFE', log: true },
    y: { label: y, log: logY },
  })
}

/** Methods at their largest budget: what they found against how likely the judge finds it. */
function tradeOff({ table, seeds }: ReproductionResult, setting: string, title: string) {
  const last = (method: string, metric: string) =>
    table.filter((r) => r.setting === setting && r.method === method && r.metric === metric).at(-1)
  const series = [names.model, ...shown].flatMap((name) => {
    const [reward, loss] = [last(name, metrics.mean), last(name, metrics.loss)]
    return reward && loss ? [{ name, points: [{ x: reward.mean, y: Math.exp(loss.mean) }] }] : []
  })
  if (series.length === 0) return undefined
  return linePlot({
    ...{ title, series, height: 460 },
    subtitle: `Means of ${seeds.length} seeds, each method at its largest budget`,
    x: { label: metrics.mean },
    y: { label: `perplexity under the judge, ${kept} best` },
  })
}

/** The two best texts of the first seed, each method at its largest budget; only where a run has just ended. */
function samples(result: ReproductionResult): string | undefined {
  const cells = textsOf(result)
  if (!cells) return undefined
  const searched = result.table.filter(({ metric }) => metric === metrics.found)
  const settingsOf = [...new Set(searched.map(({ setting }) => setting))]
  const part = (setting: string) => {
    const rows = everyone.flatMap((method) => {
      const budget = cells.budgets({ method, setting }).at(-1)
      if (budget === undefined) return []
      const [{ texts = [], values }] = cells.outcomes({ method, setting, budget })
      const quoted = texts.map((text) => `> ${text.trim().replaceAll(/\s*\n\s*/g, ' / ')}`).join('\n>\n')
      const perplexity = Math.exp(values[metrics.loss]).toFixed(0)
      return `**${method.replaceAll('*', '\\*')}**, ${budget} NFE (best ${values[metrics.found].toFixed(2)}, perplexity of the ${kept} best ${perplexity})\n\n${quoted}`
    })
    return `## ${setting[0].toUpperCase()}${setting.slice(1)}\n\n${rows.join('\n\n')}`
  }
  return `# What was found: the two best texts of the first seed\n\n${settingsOf.map(part).join('\n\n')}\n`
}
