/** tf.data: columns that a fit is fed from, and what reads them. */
export {
  column,
  reshapeColumn as reshape,
  selectColumn as select,
  sliceColumn as slice,
  type Column,
  type ColumnOptions,
} from "./column.ts";
export { csv, type CsvColumn, type CsvField, type CsvOptions } from "./csv.ts";
export { idx, type IdxOptions } from "./idx.ts";
export { images, type ImagesOptions } from "./images.ts";
export { safetensors } from "./safetensors.ts";
export type { ByteSource } from "./source.ts";
