// Building DOM without ever parsing HTML: text stays text.

const SVG = "http://www.w3.org/2000/svg";

const isChild = (child) => child !== null && child !== undefined;

/**
 * Creates an element. Properties are set on the element; `class`, `aria-*`,
 * `role` and `data-*` become attributes, `on*` listeners. Children that are
 * null are left out; strings become text nodes.
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "class") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter(isChild));
  return element;
}

/** Creates an element of a drawing; all properties are attributes. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat(Infinity).filter(isChild));
  return element;
}

/** The element of the page with this id. */
export const byId = (id) => document.getElementById(id);

/** Text pieces of the server as nodes: those that match as `<mark>`. */
export const pieceNodes = (pieces) =>
  pieces.map((piece) => (piece.match ? el("mark", {}, piece.text) : piece.text));

/** Text of the server as nodes: what stands between backticks as code. */
export const proseNodes = (text) =>
  text.split("`").map((part, at) => (at % 2 ? el("code", {}, part) : part));

/**
 * Gives an element these children and leaves those that would stay equal, so that focus,
 * selection and scrolling inside them outlast a redrawing.
 */
export function replaceChanged(parent, nodes) {
  nodes.forEach((node, at) => {
    const old = parent.childNodes[at];
    if (!old) parent.append(node);
    else if (!old.isEqualNode(node)) old.replaceWith(node);
  });
  while (parent.childNodes.length > nodes.length) parent.lastChild.remove();
}

/** A number with at most `digits` significant digits, without exponents. */
export function shortNumber(value, digits = 4) {
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const rounded = Number(value.toPrecision(digits));
  return Math.abs(rounded) < 1e-6 ? value.toExponential(1) : String(rounded);
}

/** A time as people read it: "4.12 ms", "1.3 s". */
export const duration = (ms) =>
  ms < 1000 ? `${shortNumber(ms, 3)} ms` : `${shortNumber(ms / 1000, 3)} s`;

/** "1 passage", "1,234 passages". */
export const counted = (n, one, many = `${one}s`) =>
  `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** A message of the server, which begins in lower case, on its own. */
export const sentence = (message) => `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;

/** The same below the field it is about, which needs no name there. */
export const fieldSentence = (message) => sentence(message.replace(/^`\w+`: /, ""));

/** What names a passage in every answer of a collection. */
export const passageKey = ({ document: id, span }) => `${id} ${span[0]} ${span[1]}`;
