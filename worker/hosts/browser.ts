/** Entry of the Web Worker: `startBrowserWorker()` starts it. */
import "../../src/entry/browser.ts";
import { exposeSessions } from "./expose.ts";

exposeSessions();
