import type { OpenSettings } from './protocol.ts'

/** Milliseconds after which a browser that does not say whether it has a device has none. */
const PATIENCE = 3000

/** What onnxruntime-web wants of a device: all that it can. */
const limits = [
  ...['maxBufferSize', 'maxStorageBufferBindingSize', 'maxStorageBuffersPerShaderStage', 'maxBindGroups'],
  ...['maxComputeWorkgroupStorageSize', 'maxComputeWorkgroupsPerDimension', 'maxComputeInvocationsPerWorkgroup'],
  ...['maxComputeWorkgroupSizeX', 'maxComputeWorkgroupSizeY', 'maxComputeWorkgroupSizeZ'],
]

/**
 * A graphics device, unless the processor only plays one: that is hundreds of times slower than WebAssembly.
 * @returns undefined where there is none
 */
export async function deviceOf({ anyAdapter = false }: OpenSettings): Promise<GPUDevice | undefined> {
  const asked = navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' })
  const adapter = await Promise.race([asked, new Promise<undefined>((resolve) => setTimeout(resolve, PATIENCE))])
  if (!adapter || (adapter.info.isFallbackAdapter && !anyAdapter)) return undefined
  const most = adapter.limits as unknown as Readonly<Record<string, number>>
  return adapter.requestDevice({ requiredLimits: Object.fromEntries(limits.map((name) => [name, most[name]])) })
}
