// Answers in the format of `POST /v1/answer`, made up: whole ones from searches, for
// a binary without the route, and single cases that no server gives at will.

const event = (name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

const retrievalOf = ({ standalone, collection, generation, context }) =>
  ({ standalone, collection, generation, context });

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
    standalone: { query: "how long is bread proofed", rules: [] },
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
    usage: { input_tokens: 0, output_tokens: 0, cost_usd: null },
    timings_ms: { search: 4.1, context: 0.3, answer: 12, verify: 0.1, first_byte: 5, total: 17 },
    degraded: [],
    ...changes,
  };
}

const wordsOf = (text) => new Set(text.toLowerCase().match(/\p{L}+/gu));

/** The sentence of a text with the most words of a question. */
function bestSentence(text, question) {
  const asked = wordsOf(question);
  const shared = (sentence) => [...wordsOf(sentence)].filter((word) => asked.has(word)).length;
  const sentences = text.match(/\p{Lu}[^.]*\./gu) ?? [text];
  return sentences.reduce((best, sentence) => (shared(sentence) > shared(best) ? sentence : best));
}

/** Answers with the best sentence of the best passage. */
export const stubAnswers = (context, base) =>
  answerWith(context, async ({ question, history, filter, strategy }) => {
    const response = await fetch(`${base}/v1/search`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ query: question, filter, strategy }),
    });
    const { hits, generation } = await response.json();
    const [{ document, title, headings, text, span: [from] }] = hits;
    const quote = bestSentence(text, question);
    const start = from + Buffer.byteLength(text.slice(0, text.indexOf(quote)));
    const span = [start, start + Buffer.byteLength(quote)];
    const passages = hits.map((hit, at) => ({
      number: at + 1,
      document: hit.document,
      title: hit.title,
      headings: hit.headings,
      span: hit.span,
      text: hit.text,
      tokens: 50,
      score: hit.score,
      chunks: [hit.chunk],
    }));
    return streamOf(answerOf({
      question,
      generation,
      standalone: { query: question, rules: history ? ["topic: carried over"] : [] },
      answer: `${quote}[1]`,
      claims: [{ text: quote, citations: [1] }],
      citations: [{ number: 1, document, title, headings, span, quote, verdict: "found", places: [{ document, span }] }],
      context: { passages, tokens: 50 * passages.length, budget: 2000, left_out: [] },
    }));
  });
