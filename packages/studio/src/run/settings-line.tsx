import type { RunSummary } from '@espalier/engine'
import { number, whole } from '../format.ts'
import { address } from '../route.ts'

/** What was asked for, in a line. @param words whether samples are texts, whose samplers have steps of their own */
export function SettingsLine({ summary: { config, engine }, words }: { summary: RunSummary; words: boolean }) {
  const { lambda, seed, steps, solver, grid, width, guidance, class: label, prompt, origin } = config
  const facts = [
    `λ ${number(lambda)}`,
    `seed ${seed}`,
    !words && `${whole(steps)} steps`,
    solver,
    !words && grid !== 'uniform' && `grid ${grid}`,
    guidance !== 1 && `guidance ${number(guidance)}`,
    label !== undefined && `class ${label}`,
    prompt !== undefined && `“${prompt}”`,
    `width ${whole(width)}`,
    engine,
  ].filter((fact) => fact !== false)
  return (
    <p class="settings quiet">
      {facts.join(' · ')}
      {origin && (
        <>
          {' · goes on from '}
          <a href={address(['run', origin.run], { node: String(origin.node) })}>node {origin.node} of another run</a>
        </>
      )}
    </p>
  )
}
