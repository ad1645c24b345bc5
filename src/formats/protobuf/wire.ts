/**
 * The outermost level of a MetaGraphDef file, read without the library: where it is cut, and what it is when it is none.
 */

/** Names of MetaGraphDef's fields by number, for sentences. */
const FIELDS = [
  "",
  "meta_info_def",
  "graph_def",
  "saver_def",
  "collection_def",
  "signature_def",
  "asset_file_def",
  "object_graph_def",
];

const LENGTH_DELIMITED = 2;

/** Length-delimited field at `at`; undefined when there is none or its key or length is cut. `end` may lie outside `bytes`. */
function readField(bytes: Uint8Array, at: number): { number: number; start: number; end: number } | undefined {
  const key = readVarint(bytes, at);
  if (!key || key.value % 8 !== LENGTH_DELIMITED) return undefined;
  const length = readVarint(bytes, key.end);
  return length && { number: Math.floor(key.value / 8), start: length.end, end: length.end + length.value };
}

function readVarint(bytes: Uint8Array, at: number): { value: number; end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 10 && at + i < bytes.length; i++) {
    value += (bytes[at + i] % 128) * 2 ** (7 * i);
    if (bytes[at + i] < 128) return { value, end: at + i + 1 };
  }
  return undefined;
}

/** Where a file that begins like a MetaGraphDef ends too early; undefined when it ends at the border of a field. */
export function findCut(bytes: Uint8Array): string | undefined {
  let last = "its start";
  for (let at = 0; at < bytes.length;) {
    const field = readField(bytes, at);
    if (!field) return isPartOfField(bytes, at) ? `behind ${last}` : undefined;
    const name = FIELDS[field.number] || `field ${field.number}`;
    if (at === 0 && !FIELDS[field.number]) return undefined;
    if (field.end > bytes.length) {
      return `inside ${name}, with ${bytes.length - field.start} of its ${field.end - field.start} bytes`;
    }
    last = name;
    at = field.end;
  }
  return undefined;
}

/** Whether the bytes from `at` to the end are the beginning of a field's key and length. */
function isPartOfField(bytes: Uint8Array, at: number): boolean {
  const key = readVarint(bytes, at);
  if (!key) return bytes.length - at < 10;
  return key.value % 8 === LENGTH_DELIMITED && bytes.length - key.end < 10;
}

const SIGNATURES: readonly (readonly [what: string, at: number, ...bytes: number[]])[] = [
  ["a PNG image", 0, 0x89, 0x50, 0x4e, 0x47],
  ["a JPEG image", 0, 0xff, 0xd8, 0xff],
  ["an HDF5 file (Keras weights or model)", 0, 0x89, 0x48, 0x44, 0x46],
  ["gzip-compressed", 0, 0x1f, 0x8b],
  ["a zip archive", 0, 0x50, 0x4b, 0x03, 0x04],
  ["a TensorFlow Lite model", 4, 0x54, 0x46, 0x4c, 0x33],
  [
    "the index of a checkpoint (.index): it holds variables, no graph",
    -8,
    0x57,
    0xfb,
    0x80,
    0x8b,
    0x24,
    0x75,
    0x47,
    0xdb,
  ],
  ["a SavedModel (saved_model.pb)", 0, 0x08, 0x01, 0x12],
];

/** What the bytes are when they are recognisably something else than a MetaGraphDef. */
export function recognise(bytes: Uint8Array): string | undefined {
  for (const [what, at, ...signature] of SIGNATURES) {
    const from = at < 0 ? bytes.length + at : at;
    if (signature.every((byte, i) => bytes[from + i] === byte)) return what;
  }
  if (bytes.length > 8 && bytes[8] === 0x7b && bytes.subarray(4, 8).every((byte) => byte === 0))
    return "a safetensors file";
  const text = decodeText(bytes.subarray(0, 64));
  if (/^\s*[{[]/.test(text) && isText(text)) return "JSON text: parse it with metaGraphDefFromJson";
  if (isText(text))
    return /^\s*(meta_info_def|graph_def|node|saver_def) *\{/.test(text) ? "protobuf text format (.pbtxt)" : "text";
  return beginsLikeGraphDef(bytes)
    ? "a bare GraphDef (a frozen graph, .pb): it has no collections, hence no variables"
    : undefined;
}

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.slice());
}

/** No control characters but white space, nothing that is not UTF-8 (a character cut at the end excepted). */
function isText(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  return text.length > 3 && !/[\0-\x08\x0e-\x1f\x7f]/.test(text) && !/\ufffd(?!\ufffd{0,2}$)/.test(text);
}

/** GraphDef starts with a NodeDef, whose fields 1 and 2 are its name and its op; MetaGraphDef with a MetaInfoDef, whose field 2 is
 * a list of OpDefs and thus begins with a line feed. */
function beginsLikeGraphDef(bytes: Uint8Array): boolean {
  const node = readField(bytes, 0);
  if (node?.number !== 1) return false;
  const name = readField(bytes, node.start);
  if (name?.number !== 1 || name.end > node.end) return false;
  const op = readField(bytes, name.end);
  if (op?.number !== 2 || op.end > node.end || op.end > bytes.length) return false;
  return /^[A-Z_]\w*$/.test(decodeText(bytes.subarray(op.start, op.end)));
}
