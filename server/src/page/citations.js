// Citations: the markers in an answer, what they open, and the list below it.

import { byId, el } from "./dom.js";
import { innerHeadings } from "./hits.js";

/** What the check of a quote against the stored text came to: in a word or two, in a sentence. */
const VERDICTS = {
  found: ["Verified", "The quote stands at the passage, word for word."],
  elsewhere: ["Stands elsewhere", "The quote stands word for word, but not in the passage that is cited."],
  stitched: ["Stitched together", "Its parts stand in the text, but not one after the other."],
  not_found: ["Not found", "The quote stands nowhere in the documents that were read."],
  unquoted: ["Nothing quoted", "The passage is named, but no words of it are quoted that could be compared."],
};

export const isVerified = ({ verdict }) => verdict === "found";

/** A verdict in a word or two, and in a sentence. */
export const verdictWords = ({ verdict }) => VERDICTS[verdict] ?? ["Not verified", `The check said: ${verdict}.`];

/** What follows a marker's number where its quote does not stand at the passage. */
const signOf = ({ verdict }) => ({ found: "", not_found: "\u2715" })[verdict] ?? "?";

/** How strongly a verdict is shown: without a quote nothing was refuted. */
const kindOf = ({ verdict }) => ({ found: "verified", unquoted: "unquoted" })[verdict] ?? "unverified";

export const sourceName = ({ title, document: id }) => title || id || "a passage that was never shown";

/** Whether there is anything to open. */
const leadsSomewhere = (citation) => Boolean((citation.places?.[0] ?? citation).document);

/** Where a citation leads: to where its quote stands, else to what it names. */
function targetOf(citation) {
  const { document: id, span } = citation.places?.[0] ?? citation;
  return { id, start: span?.[0] ?? null, end: span?.[1] ?? null };
}

const verdictNode = (citation) =>
  el("span", { class: `verdict ${kindOf(citation)}`, title: verdictWords(citation)[1] }, verdictWords(citation)[0]);

const trailOf = (citation) => [sourceName(citation), ...innerHeadings(citation)].join(" \u203A ");

// The popover: one for the page, shown while a marker is hovered or focused.

const GAP = 6;
const MARGIN = 8;
const HIDE_AFTER_MS = 180;
let hideTimer = 0;

function place(popover, marker) {
  const at = marker.getBoundingClientRect();
  const box = popover.getBoundingClientRect();
  const left = Math.min(Math.max(MARGIN, at.left - 24), innerWidth - box.width - MARGIN);
  const below = at.bottom + GAP + box.height < innerHeight || at.top < box.height + GAP;
  popover.style.left = `${Math.max(MARGIN, left) + scrollX}px`;
  popover.style.top = `${(below ? at.bottom + GAP : at.top - GAP - box.height) + scrollY}px`;
}

function showPopover(marker, citation) {
  clearTimeout(hideTimer);
  const popover = byId("popover");
  const shown = [
    el("p", { class: "popover-source" }, trailOf(citation)),
    citation.quote ? el("blockquote", {}, citation.quote) : null,
    el("p", {}, verdictNode(citation), " ", isVerified(citation) ? null : verdictWords(citation)[1]),
  ];
  popover.replaceChildren(...shown.filter(Boolean));
  popover.hidden = false;
  place(popover, marker);
}

export function hidePopover() {
  clearTimeout(hideTimer);
  byId("popover").hidden = true;
}

const hideSoon = () => {
  clearTimeout(hideTimer);
  hideTimer = setTimeout(hidePopover, HIDE_AFTER_MS);
};

/** Keeps the popover while it is hovered itself, and closes it at Escape. */
export function listenForPopover() {
  byId("popover").addEventListener("pointerenter", () => clearTimeout(hideTimer));
  byId("popover").addEventListener("pointerleave", hideSoon);
  // Before the page's own keys, for which Escape closes something else.
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || byId("popover").hidden) return;
    event.preventDefault();
    hidePopover();
  }, { capture: true });
}

/** A citation's marker in the text. */
export function markerNode(citation, page) {
  const { number } = citation;
  const [verdict] = verdictWords(citation);
  const target = targetOf(citation);
  const opens = leadsSomewhere(citation);
  const marker = el(
    opens ? "a" : "span",
    {
      class: `cite ${kindOf(citation)}`,
      href: opens ? page.documentAddress(target) : null,
      tabIndex: 0,
      "aria-label": `Citation ${number}, ${sourceName(citation)}: ${verdict}`,
      "aria-describedby": "popover",
      onclick: (event) => {
        hidePopover();
        if (opens) page.open(event, target);
      },
    },
    `${number}${signOf(citation)}`,
  );
  const show = () => showPopover(marker, citation);
  marker.addEventListener("pointerenter", show);
  marker.addEventListener("focus", show);
  marker.addEventListener("pointerleave", hideSoon);
  marker.addEventListener("blur", hideSoon);
  return el("sup", {}, marker);
}

/** A list of citations: those of an answer, unless `label` says of what. */
export function citationList(citations, page, label = "Citations") {
  const item = (citation) => {
    const target = targetOf(citation);
    const link = { class: "title", href: page.documentAddress(target), onclick: (event) => page.open(event, target) };
    return el(
      "li",
      { value: citation.number },
      el("p", {}, leadsSomewhere(citation) ? el("a", link, trailOf(citation)) : trailOf(citation), " ", verdictNode(citation)),
      citation.quote ? el("blockquote", {}, citation.quote) : null,
    );
  };
  return el("ol", { class: "citations", "aria-label": label }, citations.map(item));
}
