/** What is wrong with a page for those who see, hear, point or type in another way: rules of axe, and measures of ours. */

import axe from 'axe-core'
import type { Page } from 'playwright-core'

const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** Themes and widths. A theme changes nothing but colours: at the second look at a width these alone are asked for. */
const looks = [
  { colorScheme: 'light', width: 1280, runOnly: rules },
  { colorScheme: 'dark', width: 1280, runOnly: ['color-contrast'] },
  { colorScheme: 'dark', width: 390, runOnly: rules },
  { colorScheme: 'light', width: 390, runOnly: ['color-contrast'] },
] as const

/** The narrowest window in which nothing may need to be scrolled sideways: 1280 pixels at a zoom of 400 %. */
const NARROWEST = 320
/** Pixels of what is pointed at: WCAG 2.5.8, and more where fingers do it. */
const TARGET = 24
const TOUCHED = 44

/**
 * Looks at a view in both themes and at both widths, and at the narrowest.
 *
 * @param view what the faults are told of
 * @returns a line for each fault; the page is left light and 1280 pixels wide
 */
export async function faultsOf(page: Page, view: string): Promise<string[]> {
  const found: string[] = []
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source)
  for (const { colorScheme, width, runOnly } of looks) {
    const look = `${view}, ${colorScheme}, ${width}`
    await show(page, colorScheme, width)
    for (const fault of await page.evaluate(axeFaults, [...runOnly])) found.push(`${look}: ${fault}`)
    if (runOnly !== rules) continue
    const target = width === 390 ? TOUCHED : TARGET
    for (const fault of await page.evaluate(layoutFaults, { target, least: TARGET })) found.push(`${look}: ${fault}`)
  }
  await show(page, 'light', NARROWEST)
  for (const fault of await page.evaluate(tooWide)) found.push(`${view}, ${NARROWEST}: ${fault}`)
  await show(page, 'light', 1280)
  return found
}

/** A theme and a width, once the page has taken them on. */
export async function show(page: Page, colorScheme: 'light' | 'dark', width: number): Promise<void> {
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
  await page.setViewportSize({ width, height: 844 })
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
}

async function axeFaults(runOnly: string[]): Promise<string[]> {
  const { axe: inPage } = window as unknown as { axe: typeof axe }
  const { violations } = await inPage.run(document, { runOnly, resultTypes: ['violations'] })
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, any, all, none }) => `${id}: ${[...any, ...all, ...none][0]?.message}: ${html.slice(0, 200)}`),
  )
}

/** Headings, landmarks, names and targets. */
function layoutFaults({ target, least }: { target: number; least: number }): string[] {
  const found: string[] = []
  const shown = (element: Element) => element.checkVisibility({ checkVisibilityCSS: true })
  for (const [selector, name] of [
    ['h1', 'heading h1'],
    ['header', 'banner'],
    ['nav', 'navigation'],
    ['main', 'main part'],
  ]) {
    const count = [...document.querySelectorAll(selector)].filter(shown).length
    if (count !== 1) found.push(`${count} times the ${name}`)
  }
  // Rules of axe ask roles that are written out for names, and not elements that have them by nature.
  for (const element of document.querySelectorAll('progress, meter, fieldset, dialog, [role=img], [role=tree]')) {
    const named = element.matches('[aria-label], [aria-labelledby]') || element.querySelector('legend, title')
    if (!named && !element.closest('[aria-hidden=true]')) found.push(`no name: ${element.outerHTML.slice(0, 160)}`)
  }
  for (const element of document.querySelectorAll<HTMLElement>('button, a[href], input, select, summary, [tabindex]')) {
    if (!shown(element) || element.matches('.skip, [tabindex="-1"]:not([role])')) continue
    // A link within a text is as tall as its line.
    if (getComputedStyle(element).display === 'inline') continue
    // A label is part of what is pointed at.
    const label = element instanceof HTMLInputElement ? element.closest('label') : null
    const { width, height } = (label ?? element).getBoundingClientRect()
    if (height < target - 0.5 || width < least - 0.5) {
      found.push(`a target of ${Math.round(width)} x ${Math.round(height)}: ${element.outerHTML.slice(0, 160)}`)
    }
  }
  return found
}

/** What reaches over the right edge of the window, but for what scrolls in a box of its own. */
function tooWide(): string[] {
  const over = document.documentElement.scrollWidth - innerWidth
  if (over <= 0) return []
  const boxed = (element: Element): boolean => {
    for (let at = element.parentElement; at && at !== document.body; at = at.parentElement) {
      if (getComputedStyle(at).overflowX !== 'visible') return true
    }
    return false
  }
  const culprits = [...document.querySelectorAll('main *, header *, footer *')].filter(
    (element) => element.getBoundingClientRect().right > innerWidth + 1 && !boxed(element),
  )
  return [`${over} pixels too wide: ${culprits.at(-1)?.outerHTML.slice(0, 160) ?? 'the page'}`]
}
