// Two rankings side by side, lines between the places of a passage in both.

import { el, passageKey, svg } from "./dom.js";
import { bodyText, innerHeadings, scoreNode } from "./hits.js";

/** Where a passage of one side stands on the other, as a mark and in words. */
function moveNode(side, rank, other) {
  if (other === undefined) return el("span", { class: "move only" }, `only in ${side}`);
  if (other === rank) return el("span", { class: "move same" }, "= same rank");
  // Marks tell what B did to A's order, on both sides.
  const [before, after] = side === "A" ? [rank, other] : [other, rank];
  const sign = after < before ? "\u25B2" : "\u25BC";
  const told = after < before ? "up" : "down";
  const where = side === "A" ? `to ${other} in B` : `from ${other} in A`;
  return el("span", { class: `move ${told}` }, `${sign} ${Math.abs(after - before)} `, el("span", {}, where));
}

function rowNode(hit, at, side, other, page) {
  const [start, end] = hit.span;
  const target = { id: hit.document, start, end };
  const link = { class: "title", href: page.documentAddress(target), onclick: (event) => page.open(event, target) };
  return el(
    "li",
    { class: other === undefined ? "row alone" : "row", "data-key": passageKey(hit) },
    el("span", { class: "rank", "aria-hidden": "true" }, String(at + 1)),
    el(
      "div",
      { class: "row-body" },
      el("a", link, hit.title || hit.document, el("span", { class: "row-trail" }, innerHeadings(hit).map((text) => ` \u203A ${text}`))),
      el("p", { class: "row-text" }, bodyText(hit)),
      el("p", { class: "row-foot" }, moveNode(side, at + 1, other), scoreNode(hit)),
    ),
  );
}

const ranksOf = (hits) => new Map(hits.map((hit, at) => [passageKey(hit), at + 1]));

/** Lines from the middle of a row to the middle of its partner. */
function drawLines(drawing, lists) {
  const box = drawing.getBoundingClientRect();
  drawing.setAttribute("viewBox", `0 0 ${Math.max(1, box.width)} ${Math.max(1, box.height)}`);
  const middle = (row) => {
    const { top, height } = row.getBoundingClientRect();
    return top + height / 2 - box.top;
  };
  const partners = new Map([...lists[1].children].map((row) => [row.dataset.key, row]));
  const lines = [...lists[0].children].flatMap((row) => {
    const partner = partners.get(row.dataset.key);
    if (!partner) return [];
    const [from, to] = [middle(row), middle(partner)];
    const bend = box.width / 2;
    const path = `M 0 ${from} C ${bend} ${from}, ${bend} ${to}, ${box.width} ${to}`;
    return [svg("path", { class: "line", d: path, "data-key": row.dataset.key })];
  });
  drawing.replaceChildren(...lines);
}

/** Marks all that belongs to a passage, on both sides and between them. */
function markTogether(root) {
  const mark = (event) => {
    const key = event.type === "pointerleave" || event.type === "focusout" ? null : event.target.closest("[data-key]")?.dataset.key;
    for (const part of root.querySelectorAll("[data-key]")) part.classList.toggle("marked", part.dataset.key === key);
  };
  for (const type of ["pointerover", "pointerleave", "focusin", "focusout"]) root.addEventListener(type, mark);
}

/**
 * Both rankings with their lines.
 *
 * @param rankings - the hits of A and of B.
 * @param headings - a node above each.
 */
export function ladderNode(rankings, headings, page) {
  const ranks = rankings.map(ranksOf);
  const lists = rankings.map((hits, side) => {
    const name = "AB"[side];
    const rows = hits.map((hit, at) => rowNode(hit, at, name, ranks[1 - side].get(passageKey(hit)), page));
    return el("ol", { class: "ranking", "aria-label": `Passages of ${name}` }, rows);
  });
  const drawing = svg("svg", { class: "lines", "aria-hidden": "true", preserveAspectRatio: "none" });
  const root = el(
    "div",
    { class: "ladder" },
    el("div", { class: "ladder-side" }, headings[0], lists[0]),
    drawing,
    el("div", { class: "ladder-side" }, headings[1], lists[1]),
  );
  markTogether(root);
  // Rows grow when the window narrows: their middles are known once laid out.
  new ResizeObserver(() => drawLines(drawing, lists)).observe(root);
  return root;
}
