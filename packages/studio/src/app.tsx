import { useEffect } from 'preact/hooks'
import { refused, takeDropped } from './dropped.ts'
import { Foot } from './foot.tsx'
import { focusHeading, nameByHeading } from './heading.ts'
import { Lazy } from './lazy.tsx'
import { LogIn } from './log-in.tsx'
import { address, route } from './route.ts'
import { broken, warning } from './studio.ts'
import { theme, toggleTheme } from './theme.ts'
import './views/views.css'
import { Home } from './views/home.tsx'
import { Run } from './views/run.tsx'

const pages = [
  { at: undefined, name: 'Runs' },
  { at: 'new', name: 'New run' },
  { at: 'model', name: 'Own model' },
  { at: 'compare', name: 'Compare' },
  { at: 'solver', name: 'Solvers' },
  { at: 'about', name: 'About' },
]

const loadAbout = async () => (await import('./views/about.tsx')).About
const loadNewRun = async () => (await import('./views/new-run/new-run.tsx')).NewRun
const loadCompare = async () => (await import('./views/compare/compare.tsx')).Compare
const loadOwnModel = async () => (await import('./views/own-model/own-model.tsx')).OwnModel
const loadSolver = async () => (await import('./views/solver/solver.tsx')).Solver

export function App() {
  const { path } = route.value
  const [first, second] = path
  // After a change of the view the focus goes to its heading.
  useEffect(() => {
    nameByHeading()
    if (document.body.dataset.shown) focusHeading()
    document.body.dataset.shown = 'yes'
    scrollTo(0, 0)
  }, [first, second])

  // Files may be dropped anywhere.
  useEffect(() => {
    const { dataset } = document.documentElement
    const over = (event: DragEvent) => {
      event.preventDefault()
      if (event.dataTransfer?.types.includes('Files')) dataset.over = 'yes'
    }
    const leave = (event: DragEvent) => {
      // From the window, not from a part of it to another.
      if (event.relatedTarget === null) delete dataset.over
    }
    const drop = (event: DragEvent) => {
      event.preventDefault()
      delete dataset.over
      void takeDropped([...(event.dataTransfer?.files ?? [])])
    }
    addEventListener('dragover', over)
    addEventListener('dragleave', leave)
    addEventListener('drop', drop)
    return () => {
      removeEventListener('dragover', over)
      removeEventListener('dragleave', leave)
      removeEventListener('drop', drop)
    }
  }, [])

  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <header>
        <a class="brand" href={address([])}>
          Espalier <span>Studio</span>
        </a>
        <nav aria-label="Views">
          {pages.map(({ at, name }) => (
            <a key={name} href={address(at ? [at] : [])} aria-current={first === at ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
        <button type="button" class="theme" onClick={toggleTheme} aria-pressed={theme.value === 'dark'}>
          Dark
        </button>
      </header>
      <main id="main" tabIndex={-1}>
        {broken.value && (
          <p class="error" role="alert">
            Nothing can be run: {broken.value}
          </p>
        )}
        {warning.value && (
          <p class="note" role="status">
            {warning.value}
          </p>
        )}
        <LogIn />
        {refused.value && (
          <div class="error bar" role="alert">
            <span>{refused.value}</span>
            <button type="button" onClick={() => (refused.value = undefined)}>
              Close
            </button>
          </div>
        )}
        <View first={first} second={second} />
      </main>
      <Foot />
    </>
  )
}

function View({ first, second }: { first: string | undefined; second: string | undefined }) {
  if (first === undefined) return <Home />
  if (first === 'new') return <Lazy key="new" load={loadNewRun} given={{}} />
  if (first === 'about') return <Lazy key="about" load={loadAbout} given={{}} />
  if (first === 'model') return <Lazy key="model" load={loadOwnModel} given={{}} />
  if (first === 'compare')
    return <Lazy key="compare" load={loadCompare} given={{ ids: second ? second.split(',') : [] }} />
  if (first === 'solver') return <Lazy key="solver" load={loadSolver} given={{ text: second ?? 'dpm++2m' }} />
  if (first === 'run' && second) return <Run key={second} id={second} />
  return (
    <>
      <h1 tabIndex={-1}>No such view</h1>
      <p>
        There is nothing at this address. <a href={address([])}>Back to the runs</a>
      </p>
    </>
  )
}
