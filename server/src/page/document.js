// A document, opened at a passage.

import { counted, el, pieceNodes } from "./dom.js";

const isMarked = (block) => block.pieces.some((piece) => piece.match);

function headingNode(block) {
  // The page's own headings end at level 2.
  const level = Math.min(6, (block.level ?? 1) + 1);
  return el(`h${level}`, {}, pieceNodes(block.pieces));
}

function itemNode(block) {
  const [first, ...rest] = block.pieces;
  const found = /^( *)(- |\d+[.)] )/.exec(first?.text ?? "");
  if (!found) return el("li", {}, pieceNodes(block.pieces));
  const [all, indent, marker] = found;
  const body = [{ ...first, text: first.text.slice(all.length) }, ...rest];
  const item = el(
    "li",
    {},
    el("span", { class: "marker", "aria-hidden": "true" }, marker === "- " ? "\u2022" : marker.trim()),
    pieceNodes(body),
  );
  item.style.marginLeft = `${indent.length * 0.6}rem`;
  return item;
}

/** Rows are lines, cells stand between bars; a piece may go across both. */
function tableNode(block) {
  const rows = [[[]]];
  for (const piece of block.pieces) {
    piece.text.split("\n").forEach((line, at) => {
      if (at > 0) rows.push([[]]);
      line.split(" | ").forEach((text, cell) => {
        if (cell > 0) rows.at(-1).push([]);
        rows.at(-1).at(-1).push({ text, match: piece.match });
      });
    });
  }
  const cells = (row) => row.map((pieces) => el("td", {}, pieceNodes(pieces)));
  const table = el("table", {}, el("tbody", {}, rows.map((row) => el("tr", {}, cells(row)))));
  return el("div", { class: "table-scroll", tabIndex: 0, role: "region", "aria-label": "Table" }, table);
}

function blockNode(block) {
  switch (block.kind) {
    case "heading":
      return headingNode(block);
    case "code":
      return el("pre", { tabIndex: 0, "aria-label": block.language ? `Code, ${block.language}` : "Code" }, el("code", {}, pieceNodes(block.pieces)));
    case "table":
      return tableNode(block);
    case "text":
      return el("p", { class: "verbatim" }, pieceNodes(block.pieces));
    default:
      return el("p", {}, pieceNodes(block.pieces));
  }
}

function blockNodes(blocks) {
  const nodes = [];
  let list = null;
  for (const block of blocks) {
    const isBlank = block.kind === "text" && block.pieces.every((piece) => piece.text.trim() === "");
    if (isBlank) continue;
    const isItem = block.kind === "list_item";
    const node = isItem ? itemNode(block) : blockNode(block);
    if (isMarked(block)) node.classList.add("in-passage");
    if (!isItem) list = null;
    else if (list) {
      list.append(node);
      continue;
    } else list = el("ul", {}, node);
    nodes.push(list ?? node);
  }
  return nodes;
}

/** Metadata, each value a button that filters by it where it can be written so. */
function metadataNode(fields, page) {
  const entries = Object.entries(fields);
  if (entries.length === 0) return null;
  const valueNode = (name, value) => {
    const text = Array.isArray(value) ? value.join(", ") : String(value);
    const single = Array.isArray(value) ? value[0] : value;
    const plain = /^[\w-]+$/.test(name) && (typeof single !== "string" || !/["\\]/.test(single));
    if (!plain || single === undefined) return text;
    const expression = `${name} = ${typeof single === "string" ? `"${single}"` : single}`;
    return el("button", { class: "quiet", type: "button", title: `Filter by ${expression}`, onclick: () => page.addFilter(expression) }, text);
  };
  return el(
    "details",
    { class: "metadata" },
    el("summary", {}, counted(entries.length, "field")),
    el("dl", {}, entries.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, valueNode(name, value))])),
  );
}

/** The bar above a document; `page` offers `close()`. Buttons without a listener are left out. */
function barNode(id, page, { onJump = null, onDelete = null } = {}) {
  return el(
    "div",
    { class: "document-bar" },
    el("span", { class: "id", title: id }, id),
    el(
      "nav",
      { "aria-label": "Document" },
      onJump ? el("button", { type: "button", onclick: onJump }, "To the passage") : null,
      onDelete ? el("button", { type: "button", onclick: onDelete }, "Delete\u2026") : null,
      el("button", { type: "button", onclick: page.close, "aria-label": "Close the document", "aria-keyshortcuts": "Escape" }, "Close"),
    ),
  );
}

/**
 * Fills `panel` with a document and scrolls to its passage.
 *
 * @param onDelete - where it may be deleted; else null.
 */
export function showDocument(panel, body, page, onDelete) {
  const opening = body.blocks.find((block) => block.kind === "heading");
  const openingText = opening?.pieces.map((piece) => piece.text).join("");
  const nodes = blockNodes(body.blocks);
  const content = el(
    "article",
    { class: "document-body" },
    body.title && openingText !== body.title ? el("h2", {}, body.title) : null,
    body.duplicate_of ? el("p", { class: "cut" }, `An exact duplicate of ${body.duplicate_of}.`) : null,
    metadataNode(body.fields, page),
    body.window[0] > 0 ? el("p", { class: "cut" }, `The first ${counted(body.window[0], "byte")} are not shown.`) : null,
    nodes,
    body.window[1] < body.bytes ? el("p", { class: "cut" }, `The last ${counted(body.bytes - body.window[1], "byte")} are not shown.`) : null,
  );
  const passage = content.querySelector(".in-passage");
  const jump = () => passage.scrollIntoView({ block: "start" });
  panel.replaceChildren(barNode(body.document, page, { onJump: passage ? jump : null, onDelete }), content);
  if (passage) jump();
  else panel.scrollTop = 0;
}

/** Fills `panel` with a message instead: an error, unless its role is `status`. */
export function showDocumentMessage(panel, id, message, page, { role = "alert" } = {}) {
  panel.replaceChildren(
    barNode(id, page),
    el("article", { class: "document-body" }, el("p", { class: role === "alert" ? "notice error" : "notice", role }, message)),
  );
}
