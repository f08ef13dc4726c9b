// An answer's text as nodes: paragraphs, lists, code, and its citations' markers.
//
// The little Markdown that answers are written in is read here; what is not known
// stays as it is written. Links stay text: an answer cites, and citations are checked.

import { el } from "./dom.js";

const INLINE = /`([^`\n]+)`|\*\*([^*\n]+)\*\*|\[(\d{1,3})\]/g;

/** A line of text; `cite(number)` gives a marker's node, or null to leave it written. */
function inlineNodes(text, cite) {
  const nodes = [];
  let done = 0;
  for (const found of text.matchAll(INLINE)) {
    const [all, code, strong, number] = found;
    const node = code ? el("code", {}, code) : strong ? el("strong", {}, strong) : cite(Number(number));
    if (!node) continue;
    // A marker belongs to the word before it, and never begins a line.
    const before = text.slice(done, found.index);
    nodes.push(number ? before.trimEnd() : before, node);
    done = found.index + all.length;
  }
  nodes.push(text.slice(done));
  return nodes;
}

const ITEM = /^\s*(?:([-*])|(\d+)[.)])\s+(.*)$/;

/** Lines up to the next empty line, as a list where all are items. */
function blockNode(lines, cite) {
  const items = lines.map((line) => ITEM.exec(line));
  if (!items[0]) return el("p", {}, inlineNodes(lines.join("\n"), cite));
  const tag = items[0][2] ? "ol" : "ul";
  const list = el(tag, {});
  items.forEach((item, at) => {
    if (item) list.append(el("li", {}, inlineNodes(item[3], cite)));
    else list.lastChild.append("\n", ...inlineNodes(lines[at], cite));
  });
  return list;
}

/** The text of an answer, whole or as far as it has come. */
export function answerNodes(text, cite) {
  const nodes = [];
  let lines = [];
  let code = null;
  const flush = () => {
    if (lines.length) nodes.push(blockNode(lines, cite));
    lines = [];
  };
  for (const line of text.split("\n")) {
    const isFence = line.trimStart().startsWith("```");
    if (code && isFence) code = null;
    else if (code) code.append(`${line}\n`);
    else if (isFence) {
      flush();
      code = el("code");
      nodes.push(el("pre", { tabIndex: 0, "aria-label": "Code" }, code));
    } else if (line.trim()) lines.push(line);
    else flush();
  }
  flush();
  return nodes;
}
