// An answer as Markdown with footnotes, for a note or a ticket.

import { sourceName, verdictWords } from "./citations.js";
import { innerHeadings } from "./hits.js";

/** What Markdown would read as markup in a line of prose. */
const escaped = (text) => text.replace(/[\\*_[\]<>`]/g, "\\$&");

const oneLine = (text) => text.replace(/\s+/g, " ").trim();

/** Question, answer with `[^1]` for `[1]`, and a footnote for each citation. */
export function answerMarkdown({ question, answer, citations }) {
  const numbers = new Set(citations.map(({ number }) => number));
  const body = answer.replace(/\[(\d{1,3})\]/g, (marker, number) => (numbers.has(Number(number)) ? `[^${number}]` : marker));
  const note = (citation) => {
    const where = [sourceName(citation), ...innerHeadings(citation)].map(escaped).join(" \u203A ");
    const bytes = citation.span ? `, bytes ${citation.span[0]}\u2013${citation.span[1]}` : "";
    const [verdict] = verdictWords(citation);
    return `[^${citation.number}]: "${escaped(oneLine(citation.quote))}" \u2013 ${where} (${escaped(citation.document)}${bytes}; ${verdict.toLowerCase()})`;
  };
  return [`**${escaped(oneLine(question))}**`, body.trim(), citations.map(note).join("\n")].filter(Boolean).join("\n\n") + "\n";
}
