// Answers in the format of `POST /v1/answer`, made up: cases that no server gives at will.

const event = (name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

const retrievalOf = ({ standalone, collection, generation, context, degraded }) =>
  ({ standalone, collection, generation, context, degraded });

/** The stream of an answer, its text in pieces of a word. */
export const streamOf = (answer) =>
  [
    event("retrieval", retrievalOf(answer)),
    ...(answer.answer.match(/\S+\s*/g) ?? []).map((text) => event("token", { text })),
    event("answer", answer),
  ].join("");

/** The stream of an answer that fails after some words. */
export const failingStream = (error) =>
  event("token", { text: "The first words " }) + event("error", { error });

/** A stream that ends before its answer. */
export const brokenStream = () => event("token", { text: "The first words " });

/** Answers every question in `page` with what `respond(body)` gives: a stream's text. */
export const answerWith = (target, respond) =>
  target.route("**/v1/answer", async (route) => {
    const body = route.request().postDataJSON();
    await route.fulfill({ contentType: "text/event-stream", body: await respond(body) });
  });

/** An answer with all that the page shows; `changes` go over it. */
export function answerOf(changes = {}) {
  const quote = "The shaped loaf is proofed in the refrigerator for twelve hours.";
  const passage = {
    number: 1,
    document: "texts/bread.md",
    title: "Sourdough bread",
    headings: ["Proofing"],
    span: [0, 40],
    text: quote,
    tokens: 14,
    score: 1.2,
    chunks: [1],
  };
  return {
    question: "how long is bread proofed",
    standalone: { query: "how long is bread proofed", rules: [], added: [] },
    collection: "texts",
    generation: 1,
    model: "extractive",
    abstained: false,
    confidence: 0.83,
    answer: `${quote}[1]`,
    claims: [{ text: quote, citations: [1] }],
    citations: [{
      number: 1,
      document: passage.document,
      title: passage.title,
      headings: passage.headings,
      span: passage.span,
      quote,
      verdict: "found",
      places: [{ document: passage.document, span: passage.span }],
    }],
    context: {
      passages: [passage],
      tokens: 14,
      budget: 2000,
      left_out: [{ document: "texts/tides.html", span: [0, 5], reason: "budget" }],
    },
    nearest: [],
    usage: { input_tokens: 0, output_tokens: 0, cost_usd: 0 },
    timings_ms: { search: 4.1, context: 0.3, answer: 12, verify: 0.1, first_byte: 5, total: 17 },
    degraded: [],
    ...changes,
  };
}

/** The same in the words of a language model: one quote that stands, one that does not. */
export function writtenOf(changes = {}) {
  const { citations: [citation] } = answerOf();
  const { confidence: _, ...answer } = answerOf({
    model: "made-up-1",
    usage: { input_tokens: 1660, output_tokens: 125, cost_usd: 0.000324 },
    written: { prompt: "cited-v1", prompt_fingerprint: "3ec522b70caaf7c8", retries: 1, repairs: 0, first_piece_ms: 310, is_cut: false },
    answer: "It rests for long. [1]\nIt is eaten by elves. [2]\nSo much for bread.",
    claims: [
      { text: "It rests for long.", citations: [1] },
      { text: "It is eaten by elves.", citations: [2] },
      { text: "So much for bread.", citations: [] },
    ],
    citations: [citation, { ...citation, number: 2, quote: "eaten by elves", verdict: "not_found", places: [] }],
  });
  return { ...answer, ...changes };
}

/** A job; `changes` go over it, the counts over zeros. */
export function jobOf({ counts, ...changes } = {}) {
  const zeros = Object.fromEntries(["items", "settled", "created", "replaced", "unchanged", "deleted", "not_found", "refused", "lost"].map((name) => [name, 0]));
  return {
    job: "1-1",
    collection: "texts",
    state: "done",
    received: "2026-11-01T08:00:00.000Z",
    ...((changes.state ?? "done") === "done" ? { ended: "2026-11-01T08:00:01.500Z", generation: 5 } : {}),
    counts: { ...zeros, ...counts },
    ...changes,
  };
}

/** So many items, all of them there. */
export const itemsOf = (n) =>
  Array.from({ length: n }, (_, at) => ({ line: at + 1, document: `made-up/${at + 1}.md`, result: "created", chunks: 1 }));

/** Answers with the jobs that `jobs()` gives, and with `items(from)` for each of them. */
export const jobsWith = (target, jobs, items) =>
  target.route(/\/v1\/jobs\b/, (route) => {
    const { pathname, searchParams } = new URL(route.request().url());
    if (pathname === "/v1/jobs") return route.fulfill({ json: { jobs: jobs() } });
    const job = jobs().find(({ job }) => pathname.endsWith(`/${job}`));
    return route.fulfill({ json: { ...job, items: items(Number(searchParams.get("from"))) } });
  });
