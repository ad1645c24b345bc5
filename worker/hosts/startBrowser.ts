/** Starts the Web Worker of hosts/browser.ts. */

export function startBrowserWorker(): Worker {
  // The literal form that bundlers look for. They find the .ts, too.
  return new Worker(new URL("./browser.js", import.meta.url), { type: "module", name: "trainlet" });
}
