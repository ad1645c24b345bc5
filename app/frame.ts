/** Pages that are only a frame yet. */
import { startTheme } from "./views/theme.ts";

startTheme();
