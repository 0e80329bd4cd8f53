export { serverEngine } from '@espalier/engine'
