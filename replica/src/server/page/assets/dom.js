// Elements. All text goes into the page as text: nothing here, and nothing in the other modules, reads markup.

/**
 * An element. `options` has `class`, `text`, `on` (handlers of events) and attributes. Children are elements or text.
 */
export function element(name, options = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(options)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") made.className = value;
    else if (key === "text") made.textContent = value;
    else if (key === "on") Object.entries(value).forEach(([event, act]) => made.addEventListener(event, act));
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Sets the text of an element, if it is another one. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Sets or removes an attribute, if it has another value. */
export function setAttribute(target, name, value) {
  if (value === null || value === false) target.removeAttribute(name);
  else if (target.getAttribute(name) !== String(value)) target.setAttribute(name, value);
}

/**
 * Makes the children of an element those of a list, in its order. A child stays the same element as long as the list
 * has its key, so that it keeps the focus.
 */
export function syncChildren(parent, list, keyOf, create, update) {
  const known = (parent.byKey ??= new Map());
  const wanted = new Set(list.map(keyOf));
  for (const [key, child] of known) {
    if (!wanted.has(key)) {
      child.remove();
      known.delete(key);
    }
  }
  list.forEach((item, index) => {
    const key = keyOf(item);
    let child = known.get(key);
    if (!child) {
      child = create(item);
      known.set(key, child);
    }
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
    update(child, item);
  });
}

/** Text that comes from a canister: its direction does not change that of the text around it. */
export function foreign(text, name = "bdi", options = {}) {
  return element(name, { dir: "auto", ...options, text });
}
