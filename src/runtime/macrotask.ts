/** Waits until whatever came meanwhile was looked at: messages, timers, other requests. */

interface HostGlobals {
  readonly setImmediate?: (done: () => void) => void;
  readonly scheduler?: { wait?(milliseconds: number): Promise<void> };
}

const { scheduler, setImmediate } = globalThis as HostGlobals;

export function macrotask(): Promise<void> {
  // On Cloudflare a message to oneself lets no request in, and in browsers a timer waits for 4 ms.
  if (scheduler?.wait) return scheduler.wait(0);
  if (setImmediate) return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener("message", () => {
      port1.close();
      resolve();
    });
    port1.start();
    port2.postMessage(null);
  });
}
