/** On a narrow page: which of the two runs is shown. Both keep their place and size. */
import { find, listen, type Dispose } from "./dom.ts";

export function runSwitch(fieldset: HTMLElement): Dispose {
  const show = (): void => {
    const { value } = find<HTMLInputElement>("input:checked", fieldset);
    document.documentElement.dataset.show = value;
  };
  show();
  return listen(fieldset, "change", show);
}
