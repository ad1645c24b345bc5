/** The tensors of a safetensors file as columns: the first dimension of each are its rows. */
import { InvalidArgumentError } from "../graph/errors.ts";
import { decodeSafetensors } from "../formats/safetensors.ts";
import { column, type Column } from "./column.ts";
import { bytesOf, type ByteSource } from "./source.ts";

/** By name. Data are not copied. */
export async function safetensors(source: ByteSource): Promise<Record<string, Column>> {
  const { tensors } = decodeSafetensors(await bytesOf(source));
  return Object.fromEntries(
    [...tensors].map(([name, { dtype, shape, data }]) => {
      if (shape.length === 0 || data.length === 0)
        throw new InvalidArgumentError(
          `The tensor '${name}' of the safetensors file has the shape [${shape.join(",")}]: it has no rows.`,
        );
      return [name, column({ data, shape, dtype })];
    }),
  );
}
