// The row of choices below a query: how, where and among what is searched.

import { el } from "./dom.js";

const STRATEGIES = [
  ["hybrid", "Hybrid", "Words and meaning, fused"],
  ["lexical", "Words", "BM25 over words: exact terms, names, codes"],
  ["dense", "Meaning", "Vectors: passages that mean the same"],
];

/** A choice among what `namesOf(served)` names, hidden where there is only one. */
function namedSelect(text, namesOf) {
  const select = el("select");
  const label = el("label", { class: "option" }, `${text} `, select);
  return {
    label,
    select,
    fill(served, name) {
      const names = namesOf(served);
      if (select.options.length !== names.length) select.replaceChildren(...names.map((value) => el("option", { value }, value)));
      select.value = name || names[0];
      label.hidden = names.length < 2;
    },
    /** "" stands for the first: addresses survive its renaming. */
    read: (served) => (served && select.value !== namesOf(served)[0] ? select.value : ""),
  };
}

/** A choice of collections. */
export const collectionSelect = () => namedSelect("In", ({ collections }) => collections.map(({ name }) => name));

/** A choice of who answers. */
export const answererSelect = () => namedSelect("Answered by", ({ answer_models: names }) => names ?? []);

/**
 * Fills `root` with the choices of a view.
 *
 * @param own - a choice of this view alone, which stands among the others.
 * @returns `fill(state, served)`, `read(served)` and the filter's input, whose error
 *   `showFilterError(message)` shows; null hides it.
 */
export function createOptions(root, own = null) {
  const segment = ([value, name, help]) =>
    el("label", { title: help }, el("input", { type: "radio", name: `${root.id}-strategy`, value }), el("span", {}, name));
  const strategies = el("fieldset", { class: "segments" }, el("legend", { class: "visually-hidden" }, "Search by"), STRATEGIES.map(segment));
  const collection = collectionSelect();
  const errorId = `${root.id}-filter-error`;
  const filterInput = el("input", {
    class: "filter",
    type: "text",
    placeholder: 'format = "html"',
    spellcheck: false,
    autocapitalize: "off",
    "aria-describedby": errorId,
  });
  const filter = el("label", { class: "option filter-option" }, "Filter ", filterInput);
  const typos = el("input", { type: "checkbox" });
  const rerank = el("input", { type: "checkbox" });
  const rerankLabel = el("label", { class: "option" }, rerank, " Rerank");
  const filterError = el("p", { id: errorId, class: "field-error", hidden: true });
  root.append(
    el(
      "div",
      { class: "option-row" },
      strategies,
      rerankLabel,
      el("label", { class: "option", title: "Also find words one letter away" }, typos, " Allow typos"),
      own?.label,
      collection.label,
      filter,
    ),
    filterError,
  );
  return {
    filterInput,
    fill(state, served) {
      for (const radio of strategies.querySelectorAll("input")) radio.checked = radio.value === state.strategy;
      // Never under the user's fingers.
      if (document.activeElement !== filterInput) filterInput.value = state.filter;
      typos.checked = state.typos;
      rerank.checked = state.rerank;
      if (!served) return;
      collection.fill(served, state.collection);
      const model = served.collections.find(({ name }) => name === (state.collection || served.collections[0].name))?.reranker;
      rerankLabel.hidden = !model;
      rerankLabel.title = model ? `${model} reads the first passages again` : "";
    },
    read: (served) => ({
      strategy: strategies.querySelector("input:checked").value,
      filter: filterInput.value,
      typos: typos.checked,
      rerank: rerank.checked,
      ...(served ? { collection: collection.read(served) } : {}),
    }),
    showFilterError: (message) => showFieldError(filterInput, filterError, message),
  };
}

/** Marks a field as wrong, or with null as right again. */
export function showFieldError(input, place, message) {
  if (message === null) input.removeAttribute("aria-invalid");
  else input.setAttribute("aria-invalid", "true");
  place.textContent = message ?? "";
  place.hidden = message === null;
}
