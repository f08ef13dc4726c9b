// What the page shows, as its address says it: any view is a link.

export const DEFAULT_TOP = 10;

/** Path of each view; the server answers all of them with the same page. */
const PATHS = { search: "/", ask: "/ask", compare: "/compare", changes: "/changes" };

export const VIEWS = Object.keys(PATHS);

const STRATEGIES = ["hybrid", "lexical", "dense"];

/** A configuration of the comparison, as `POST /v1/search` takes it; "" is the server's default. */
const SIDE = { strategy: "hybrid", fusion: "", expand: "", rerank: "", typos: "", filter: "" };

/** What is compared until somebody chooses: both legs fused, and words alone. */
const DEFAULT_SIDES = [SIDE, { ...SIDE, strategy: "lexical" }];

const SIDE_NAMES = ["a", "b"];

/** The state an address stands for. */
export function fromAddress(address) {
  const { pathname, searchParams: given } = new URL(address);
  const number = (name) => {
    const value = given.get(name);
    return value !== null && /^\d{1,10}$/.test(value) ? Number(value) : null;
  };
  const strategy = given.get("strategy");
  const queries = given.getAll("q").filter((text) => text.trim());
  return {
    view: VIEWS.find((view) => PATHS[view] === pathname) ?? "search",
    query: queries[0] ?? "",
    questions: queries,
    strategy: STRATEGIES.includes(strategy) ? strategy : "hybrid",
    collection: given.get("in") ?? "",
    filter: given.get("filter") ?? "",
    typos: given.get("typos") === "1",
    rerank: given.get("rerank") !== "0",
    model: given.get("model") ?? "",
    top: number("top") || DEFAULT_TOP,
    sides: DEFAULT_SIDES.map((side, at) => sideFrom(given, SIDE_NAMES[at], side)),
    doc: given.get("doc"),
    start: number("start"),
    end: number("end"),
  };
}

/** What a side may be set to, where it is not free text. */
const CHOICES = { strategy: STRATEGIES, rerank: ["", "none"], typos: ["", "one_edit"] };

function sideFrom(given, name, defaults) {
  const entries = Object.entries(defaults).map(([key, value]) => {
    const written = given.get(`${name}.${key}`) ?? value;
    return [key, CHOICES[key]?.includes(written) === false ? value : written];
  });
  return Object.fromEntries(entries);
}

/** The address of a state; what is at its default is left out. */
export function toAddress(state) {
  const query = new URLSearchParams();
  if (state.view === "ask") for (const question of state.questions) query.append("q", question);
  else if (state.query) query.set("q", state.query);
  if (state.collection) query.set("in", state.collection);
  if (state.top !== DEFAULT_TOP) query.set("top", state.top);
  if (state.view === "compare") {
    state.sides.forEach((side, at) => {
      for (const [key, value] of Object.entries(side)) {
        if (value !== DEFAULT_SIDES[at][key]) query.set(`${SIDE_NAMES[at]}.${key}`, value);
      }
    });
  } else {
    if (state.strategy !== "hybrid") query.set("strategy", state.strategy);
    if (state.filter) query.set("filter", state.filter);
    if (state.typos) query.set("typos", "1");
    if (!state.rerank) query.set("rerank", "0");
    if (state.model && state.view === "ask") query.set("model", state.model);
  }
  if (state.doc !== null) {
    query.set("doc", state.doc);
    if (state.start !== null && state.end !== null) {
      query.set("start", state.start);
      query.set("end", state.end);
    }
  }
  const text = query.toString();
  return PATHS[state.view] + (text ? `?${text}` : "");
}

/** The same words in another view: what was searched for is asked, and back. */
export function inView(state, view) {
  const text = state.view === "ask" ? state.questions.at(-1) ?? "" : state.query;
  const closed = { doc: null, start: null, end: null };
  return { ...state, ...closed, view, query: text, questions: text ? [text] : [], top: DEFAULT_TOP };
}

function commonBody(state) {
  const body = { strategy: state.strategy, top: state.top };
  if (state.collection) body.collection = state.collection;
  if (state.filter.trim()) body.filter = state.filter;
  if (state.typos) body.typos = "one_edit";
  if (!state.rerank) body.rerank = "none";
  return body;
}

/** The body of the search a state asks for. */
export const searchBody = (state) => ({ query: state.query, ...commonBody(state) });

/** The body of a question after those that were answered. */
export function answerBody(state, question, history) {
  const body = { question, ...commonBody(state), stream: true };
  if (state.model) body.model = state.model;
  if (history.length) body.history = history;
  return body;
}

/** The body of one side of a comparison. */
export function sideBody(state, side) {
  const body = { query: state.query, strategy: side.strategy, top: state.top };
  if (state.collection) body.collection = state.collection;
  // A fusion without two legs would be refused, though it may stay written.
  if (side.fusion.trim() && side.strategy === "hybrid") body.fusion = side.fusion.trim();
  if (side.filter.trim()) body.filter = side.filter;
  for (const key of ["expand", "rerank", "typos"]) if (side[key].trim()) body[key] = side[key].trim();
  return body;
}

/** Whether two states ask for the same search. */
export const sameSearch = (a, b) =>
  JSON.stringify(searchBody(a)) === JSON.stringify(searchBody(b));
