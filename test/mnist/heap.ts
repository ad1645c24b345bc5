/** What V8 says of the memory of a Worker's isolate, over the inspector of a local workerd. */

interface HeapUsage {
  readonly usedSize: number;
  readonly embedderHeapUsedSize: number;
  /** Of array buffers. */
  readonly backingStorageSize: number;
}

export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #next = 1;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id?: number; result?: unknown };
      if (id !== undefined) this.#waiting.get(id)?.(result);
    });
  }

  static async open(url: string): Promise<Inspector> {
    // The inspector answers pages of this machine only, and Node sends no origin by itself.
    const options = { headers: { origin: "http://localhost" } } as unknown as string[];
    const socket = new WebSocket(url, options);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", () => reject(new Error(`The inspector at ${url} does not answer.`)), {
        once: true,
      });
    });
    return new Inspector(socket);
  }

  /** Bytes that the isolate uses for objects and array buffers, garbage included. WebAssembly memories are not among them. */
  async memoryBytes(): Promise<number> {
    const usage = (await this.#call("Runtime.getHeapUsage")) as HeapUsage;
    return usage.usedSize + usage.embedderHeapUsedSize + usage.backingStorageSize;
  }

  close(): void {
    this.#socket.close();
  }

  #call(method: string): Promise<unknown> {
    const id = this.#next++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, method }));
    });
  }
}
