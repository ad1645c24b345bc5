/** Small helpers over the DOM: finding, making, and keeping text and attributes as they should be. */

export type Dispose = () => void;

export function find<E extends Element = HTMLElement>(selector: string, within: ParentNode = document): E {
  const found = within.querySelector<E>(selector);
  if (!found) throw new Error(`The page has no ${selector}.`);
  return found;
}

export function all<E extends Element = HTMLElement>(selector: string, within: ParentNode = document): E[] {
  return [...within.querySelectorAll<E>(selector)];
}

type Attributes = { readonly [name: string]: string | number | null };

export function make<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[T] {
  const element = document.createElement(tag);
  attribute(element, attributes);
  element.append(...children);
  return element;
}

export function svg<T extends keyof SVGElementTagNameMap>(
  tag: T,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): SVGElementTagNameMap[T] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  attribute(element, attributes);
  element.append(...children);
  return element;
}

/** Sets attributes; null removes one. */
export function attribute(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
  }
}

export function text(element: Element, content: string): void {
  if (element.textContent !== content) element.textContent = content;
}

export function listen<E extends EventTarget, K extends string>(
  target: E,
  type: K,
  listener: (event: K extends keyof HTMLElementEventMap ? HTMLElementEventMap[K] : Event) => void,
): Dispose {
  target.addEventListener(type, listener as EventListener);
  return () => target.removeEventListener(type, listener as EventListener);
}

/** The button does nothing, yet keeps its focus. */
export function disable(button: HTMLButtonElement, disabled: boolean): void {
  attribute(button, { "aria-disabled": disabled ? "true" : null });
}

/** A listener for clicks that a disabled button does not hear. */
export function click(button: HTMLButtonElement, action: () => void): Dispose {
  return listen(button, "click", () => {
    if (button.getAttribute("aria-disabled") !== "true") action();
  });
}

export function together(...disposes: Dispose[]): Dispose {
  return () => {
    for (const dispose of disposes) dispose();
  };
}
