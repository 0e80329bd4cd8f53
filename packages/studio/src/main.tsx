import './invitation.ts'
import { render } from 'preact'
import { App } from './app.tsx'
import { keepOffline } from './offline.ts'
import './style.css'

render(<App />, document.getElementById('app') as HTMLElement)

// Not while developing, where files change.
if (!import.meta.hot) void keepOffline()
