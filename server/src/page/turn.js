// One question and its answer, from the first byte to the checked citations.

import { answerNodes } from "./answer_text.js";
import { citationList, isVerified, markerNode } from "./citations.js";
import { contextNode, passageList, writtenNode } from "./context.js";
import { counted, duration, el, replaceChanged } from "./dom.js";
import { answerMarkdown } from "./markdown.js";
import { degradedNotices, errorNotice, notice } from "./notices.js";
import { timingsNode } from "./timings.js";

/** Passages shown where no answer was found. */
const NEAREST = 3;

/** What a language model writes in place of an answer that it cannot give. */
const REFUSAL = "[[ABSTAIN]]";

/** Markers of an answer that is not checked yet lead nowhere. */
const pending = (number) => el("sup", { class: "cite pending" }, String(number));

/** What was searched for where the question alone was not enough, its own words apart. */
function standaloneNode(question, { query, rules }) {
  if (rules.length === 0) return null;
  const added = query.endsWith(question) ? query.slice(0, -question.length) : "";
  return el(
    "p",
    { class: "standalone" },
    "Searched for ",
    el("q", {}, added, el("b", {}, query.slice(added.length))),
    `, as ${rules.join(" and ")}.`,
  );
}

function confidenceNode(confidence) {
  const percent = Math.round(100 * confidence);
  const bar = el("i");
  bar.style.width = `${percent}%`;
  return el("span", { class: "confidence" }, "Confidence ", el("span", { class: "gauge", "aria-hidden": "true" }, bar), ` ${percent} %`);
}

/** "4 citations looked up, 2 verified", or "all", or "none". */
function citationCount({ length: n }, verified) {
  if (n === 0) return "no citations";
  return `${counted(n, "citation")} looked up, ${verified === n ? "all" : verified || "none"} verified`;
}

/** What an answer stands on, how long it took, and what can be done with it. */
function metaNode({ abstained, confidence, citations, claims, timings_ms: ms }, button) {
  const uncited = claims.filter((claim) => claim.citations.length === 0).length;
  return el(
    "p",
    { class: "answer-meta" },
    Number.isFinite(confidence) ? confidenceNode(confidence) : null,
    abstained ? null : el("span", {}, citationCount(citations, citations.filter(isVerified).length)),
    uncited ? el("span", { class: "uncited" }, `${counted(uncited, "sentence")} without a citation`) : null,
    el("span", {}, `first byte ${duration(ms.first_byte)}, all ${duration(ms.total)}`),
    button,
  );
}

function copyButton(answer) {
  const button = el("button", { class: "quiet", type: "button", title: "As Markdown, its citations as footnotes" }, "Copy");
  button.addEventListener("click", async () => {
    const text = answerMarkdown(answer);
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      // Without HTTPS there is no clipboard: the text is shown to be copied by hand.
      const area = el("textarea", { class: "copy-text", readOnly: true, rows: 8, value: text, "aria-label": "The answer as Markdown" });
      button.closest(".turn").append(area);
      button.remove();
      area.select();
    }
  });
  return button;
}

/**
 * A turn of the conversation: `node`, and what happens to it.
 *
 * @param page - `documentAddress(target)`, `open(event, target)`, and
 *   `feedback(query)`: what a judgment is kept with, or null.
 */
export function createTurn(question, page) {
  const searched = el("div");
  const body = el("div", { class: "answer", "aria-busy": "true" }, el("p", { class: "waiting" }, "Searching\u2026"));
  const foot = el("div", { class: "answer-foot" });
  const node = el("li", { class: "turn" }, el("h2", {}, question), searched, body, foot);
  let text = "";
  let frame = 0;

  const draw = (cite) => replaceChanged(body, answerNodes(text, cite));
  const settle = () => {
    cancelAnimationFrame(frame);
    body.removeAttribute("aria-busy");
    body.classList.remove("writing");
  };

  return {
    question,
    node,
    retrieved({ standalone, context, degraded }) {
      searched.replaceChildren(...[standaloneNode(question, standalone), ...degradedNotices(degraded)].filter(Boolean));
      body.replaceChildren(el("p", { class: "waiting" }, `Reading ${counted(context.passages.length, "passage")}\u2026`));
    },
    token(piece) {
      text += piece;
      // Said in words at the end.
      if (REFUSAL.startsWith(text.trim().slice(0, REFUSAL.length))) return;
      body.classList.add("writing");
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => draw(pending));
    },
    finish(answer) {
      settle();
      text = answer.answer;
      const feedback = page.feedback(answer.standalone.query);
      if (answer.abstained) abstain(answer, feedback);
      else cited(answer);
      const { passages } = answer.context;
      foot.append(
        ...[
          answer.written?.is_cut ? notice("The end is missing.", "The model reached its limit of output tokens.") : null,
          metaNode(answer, answer.abstained ? null : copyButton(answer)),
          writtenNode(answer),
        ].filter(Boolean),
        answer.citations.length && !answer.abstained ? citationList(answer.citations, page) : "",
        passages.length ? contextNode(answer, page, feedback) : "",
        el("details", { class: "fold" }, el("summary", {}, "Where the time went"), timingsNode(answer.timings_ms)),
      );
    },
    stop() {
      settle();
      if (text) draw(pending);
      else body.replaceChildren();
      foot.append(el("p", { class: "answer-meta" }, text ? "Stopped: the citations were not checked." : "Stopped."));
    },
    fail(error, again) {
      settle();
      const button = el("p", {}, el("button", { type: "button", onclick: again }, "Ask again"));
      const title = error.code === "unknown_route" ? "This server answers no questions" : "No answer";
      if (text) draw(pending);
      else body.replaceChildren();
      foot.append(errorNotice(title, error, button));
    },
  };

  function cited(answer) {
    const citations = new Map(answer.citations.map((citation) => [citation.number, citation]));
    draw((number) => (citations.has(number) ? markerNode(citations.get(number), page) : null));
  }

  function abstain(answer, feedback) {
    const passages = answer.context.passages.slice(0, NEAREST);
    const hasSentences = answer.nearest?.length > 0;
    const told = hasSentences || passages.length
      ? "Nothing that was found answers the question well enough. What comes nearest:"
      : "Nothing was found that has to do with the question.";
    body.replaceChildren(notice("No answer in these documents.", told));
    if (hasSentences) body.append(citationList(answer.nearest, page, "What comes nearest"));
    else if (passages.length) body.append(passageList(passages, page, { feedback }));
  }
}
