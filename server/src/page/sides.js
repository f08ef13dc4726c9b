// The two configurations of a comparison: what can be set, and in words.

import { el } from "./dom.js";

const STRATEGIES = [["hybrid", "Hybrid"], ["lexical", "Words"], ["dense", "Meaning"]];
const FUSIONS = ["dbsf:0.5", "dbsf:0.3", "dbsf:0.7", "minmax:0.5", "rrf:60"];
const EXPANSIONS = ["none", "feedback", "feedback:lexical", "multi-query"];
const TYPOS = [["", "Exact words"], ["one_edit", "One letter away"]];

const NAMES = ["A", "B"];

const select = (choices) => el("select", {}, choices.map(([value, text]) => el("option", { value }, text)));

/** A text field that offers what is common; any that the server reads may be written. */
function withChoices(id, choices, placeholder) {
  const input = el("input", { type: "text", placeholder, spellcheck: false, autocapitalize: "off" });
  input.setAttribute("list", id);
  return { input, list: el("datalist", { id }, choices.map((value) => el("option", { value }))) };
}

function createSide(name) {
  const fusion = withChoices(`${name}-fusions`, FUSIONS, "dbsf:0.5");
  const expand = withChoices(`${name}-expansions`, EXPANSIONS, "none");
  const fields = {
    strategy: select(STRATEGIES),
    fusion: fusion.input,
    expand: expand.input,
    rerank: select([["", "Reranked"], ["none", "Not reranked"]]),
    typos: select(TYPOS),
    filter: el("input", { type: "text", placeholder: 'format = "html"', spellcheck: false, autocapitalize: "off" }),
  };
  const labels = { strategy: "Search by", fusion: "Fusion", expand: "Expansion", rerank: "Reranking", typos: "Typos", filter: "Filter" };
  const label = (key) => el("label", { class: `side-field ${key}` }, el("span", {}, labels[key]), fields[key]);
  const root = el(
    "fieldset",
    { class: "side" },
    el("legend", {}, name),
    Object.keys(fields).map(label),
    fusion.list,
    expand.list,
  );
  return { root, fields };
}

/** Fills `root` with both sides: `fill(sides, collection)` and `read()`. */
export function createSides(root) {
  const sides = NAMES.map(createSide);
  root.append(...sides.map((side) => side.root));
  return {
    fill(states, collection) {
      sides.forEach(({ fields }, at) => {
        for (const [key, field] of Object.entries(fields)) {
          if (document.activeElement !== field) field.value = states[at][key] || "";
        }
        fields.fusion.disabled = states[at].strategy !== "hybrid";
        fields.rerank.disabled = !collection?.reranker;
        fields.rerank.title = collection?.reranker ?? "this collection has no reranker";
      });
    },
    read: () =>
      sides.map(({ fields }) => Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, field.value]))),
  };
}

/** A configuration in words: what tells it from the default. */
export function sideWords(side, collection) {
  const words = [STRATEGIES.find(([value]) => value === side.strategy)?.[1] ?? side.strategy];
  if (side.fusion && side.strategy === "hybrid") words.push(side.fusion);
  if (side.expand && side.expand !== "none") words.push(side.expand);
  if (collection?.reranker) words.push(side.rerank === "none" ? "not reranked" : "reranked");
  if (side.typos) words.push("typos");
  if (side.filter.trim()) words.push(side.filter);
  return words.join(", ");
}
