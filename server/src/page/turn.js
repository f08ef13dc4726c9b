// One question and its answer, from the first byte to the checked citations.

import { answerNodes } from "./answer_text.js";
import { citationList, isVerified, markerNode } from "./citations.js";
import { contextNode, passageList } from "./context.js";
import { counted, duration, el } from "./dom.js";
import { answerMarkdown } from "./markdown.js";
import { degradedNotices, errorNotice, notice } from "./notices.js";
import { timingsNode } from "./timings.js";

/** Passages shown where no answer was found. */
const NEAREST = 3;

/** Markers of an answer that is not checked yet lead nowhere. */
const pending = (number) => el("sup", { class: "cite pending" }, String(number));

function standaloneNode({ query, rules }) {
  if (rules.length === 0) return null;
  return el(
    "p",
    { class: "standalone" },
    "Searched for ",
    el("q", {}, query),
    el("span", { class: "rules" }, ` ${rules.join("; ")}`),
  );
}

function confidenceNode(confidence) {
  const percent = Math.round(100 * confidence);
  const bar = el("i");
  bar.style.width = `${percent}%`;
  return el("span", { class: "confidence" }, "Confidence ", el("span", { class: "gauge", "aria-hidden": "true" }, bar), ` ${percent} %`);
}

/** "4 citations, 2 verified", or "all verified". */
function citationCount(citations) {
  const verified = citations.filter(isVerified).length;
  const all = counted(citations.length, "citation");
  if (citations.length === 0) return "no citations";
  return verified === citations.length ? `${all}, all verified` : `${all}, ${verified} verified`;
}

function copyButton(answer) {
  const button = el("button", { class: "quiet", type: "button" }, "Copy as Markdown");
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

  const draw = (cite) => body.replaceChildren(...answerNodes(text, cite));
  const settle = () => {
    cancelAnimationFrame(frame);
    body.removeAttribute("aria-busy");
    body.classList.remove("writing");
  };

  return {
    question,
    node,
    retrieved({ standalone, context }) {
      searched.replaceChildren(...[standaloneNode(standalone)].filter(Boolean));
      body.replaceChildren(el("p", { class: "waiting" }, `Reading ${counted(context.passages.length, "passage")}\u2026`));
    },
    token(piece) {
      text += piece;
      body.classList.add("writing");
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => draw(pending));
    },
    finish(answer) {
      settle();
      text = answer.answer;
      searched.replaceChildren(...[standaloneNode(answer.standalone), ...degradedNotices(answer.degraded)].filter(Boolean));
      const feedback = page.feedback(answer.standalone.query);
      if (answer.abstained) abstain(answer, feedback);
      else cited(answer);
      const { passages } = answer.context;
      foot.append(
        el(
          "p",
          { class: "answer-meta" },
          confidenceNode(answer.confidence),
          answer.abstained ? null : el("span", {}, citationCount(answer.citations)),
          el("span", {}, `first byte ${duration(answer.timings_ms.first_byte)}, all ${duration(answer.timings_ms.total)}`),
          answer.abstained ? null : copyButton(answer),
        ),
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
    const nearest = answer.context.passages.slice(0, NEAREST);
    body.replaceChildren(
      notice("No answer in these documents.", nearest.length
        ? "Nothing that was found answers the question well enough. The nearest passages:"
        : "Nothing was found that has to do with the question."),
    );
    if (nearest.length) body.append(passageList(nearest, page, { feedback }));
  }
}
