// What the page shows, as its address says it: any view is a link.

export const DEFAULT_TOP = 10;

/** The state an address stands for. */
export function fromAddress(address) {
  const given = new URL(address).searchParams;
  const number = (name) => {
    const value = given.get(name);
    return value !== null && /^\d{1,10}$/.test(value) ? Number(value) : null;
  };
  const strategy = given.get("strategy");
  return {
    query: given.get("q") ?? "",
    strategy: ["lexical", "dense"].includes(strategy) ? strategy : "hybrid",
    collection: given.get("in") ?? "",
    filter: given.get("filter") ?? "",
    typos: given.get("typos") === "1",
    top: number("top") || DEFAULT_TOP,
    doc: given.get("doc"),
    start: number("start"),
    end: number("end"),
  };
}

/** The address of a state; what is at its default is left out. */
export function toAddress(state) {
  const query = new URLSearchParams();
  if (state.query) query.set("q", state.query);
  if (state.strategy !== "hybrid") query.set("strategy", state.strategy);
  if (state.collection) query.set("in", state.collection);
  if (state.filter) query.set("filter", state.filter);
  if (state.typos) query.set("typos", "1");
  if (state.top !== DEFAULT_TOP) query.set("top", state.top);
  if (state.doc !== null) {
    query.set("doc", state.doc);
    if (state.start !== null && state.end !== null) {
      query.set("start", state.start);
      query.set("end", state.end);
    }
  }
  const text = query.toString();
  return text ? `/?${text}` : "/";
}

/** The body of the search a state asks for. */
export function searchBody(state) {
  const body = { query: state.query, strategy: state.strategy, top: state.top };
  if (state.collection) body.collection = state.collection;
  if (state.filter.trim()) body.filter = state.filter;
  if (state.typos) body.typos = "one_edit";
  return body;
}

/** Whether two states ask for the same search. */
export const sameSearch = (a, b) =>
  JSON.stringify(searchBody(a)) === JSON.stringify(searchBody(b));
