import type { RunStatus, RunSummary } from '@espalier/engine'

export interface Numbers {
  readonly runs: readonly RunSummary[]
  /** Clients that follow events. */
  readonly clients: number
  readonly requests: number
  readonly problems: number
}

const statuses: readonly RunStatus[] = ['queued', 'running', 'paused', 'finished', 'stopped', 'failed', 'interrupted']

/** The numbers of a server in the text format of Prometheus. */
export function metricsText({ runs, clients, requests, problems }: Numbers): string {
  const count = (status: RunStatus) => runs.filter((run) => run.status === status).length
  const sum = (pick: (run: RunSummary) => number) => runs.reduce((total, run) => total + pick(run), 0)
  const metric = (name: string, type: string, about: string, values: readonly (readonly [string, number])[]) => [
    `# HELP ${name} ${about}`,
    `# TYPE ${name} ${type}`,
    ...values.map(([labels, value]) => `${name}${labels} ${value}`),
  ]
  return `${[
    ...metric(
      'espalier_runs',
      'gauge',
      'Runs by status.',
      statuses.map((status) => [`{status="${status}"}`, count(status)]),
    ),
    ...metric('espalier_network_evaluations', 'gauge', 'NFE of the runs that are kept.', [['', sum(({ nfe }) => nfe)]]),
    ...metric('espalier_work_seconds', 'gauge', 'Seconds of work of the runs that are kept.', [
      ['', sum(({ seconds }) => seconds)],
    ]),
    ...metric('espalier_event_clients', 'gauge', 'Clients that follow events.', [['', clients]]),
    ...metric('espalier_requests_total', 'counter', 'Requests since the start.', [['', requests]]),
    ...metric('espalier_problems_total', 'counter', 'Requests that were refused.', [['', problems]]),
    ...metric('process_resident_memory_bytes', 'gauge', 'Memory of the process.', [['', process.memoryUsage.rss()]]),
  ].join('\n')}\n`
}
