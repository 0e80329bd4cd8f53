import type { Ink } from './painter.ts'

/** The colours that the style sheet gives an element. */
export function inkOf(element: Element): Ink {
  const style = getComputedStyle(element)
  const of = (name: string) => style.getPropertyValue(name).trim()
  return {
    surface: of('--surface'),
    text: of('--text'),
    quiet: of('--quiet'),
    line: of('--line'),
    edge: of('--edge'),
    accent: of('--accent'),
  }
}
