// The view that asks: a conversation, each answer with its citations.

import * as api from "./api.js";
import { hidePopover, listenForPopover } from "./citations.js";
import { byId, counted, duration, el } from "./dom.js";
import { answererSelect, createOptions } from "./options.js";
import { answerBody } from "./state.js";
import { createTurn } from "./turn.js";
import { collectionsNode } from "./welcome.js";

/** Most earlier turns that are sent along, the newest. */
const MAX_HISTORY = 20;

/** The view of `shell` that asks. */
export function createAsk(shell) {
  const form = byId("ask");
  const input = byId("question");
  const answerer = answererSelect();
  const options = createOptions(byId("ask-options"), answerer);
  const statusLine = byId("ask-status");
  const turnList = byId("turns");

  /** Turns in order, `{ question, turn, answer }`; `answer` is null until there is one. */
  let turns = [];
  let asking = null;

  const page = {
    ...shell,
    feedback(query) {
      if (shell.served().feedback !== true) return null;
      return { query, collection: shell.collection()?.name, filter: shell.state().filter };
    },
  };

  const readOptions = () =>
    ({ ...shell.state(), ...options.read(shell.served()), model: answerer.read(shell.served()) });

  /**
   * Asks what the address holds and was not asked yet. What was answered stays as it
   * is when options change: they hold for what is asked next.
   */
  function show(state) {
    options.fill(state, shell.served());
    answerer.fill(shell.served(), state.model);
    hidePopover();
    const kept = turns.findIndex(({ question }, at) => question !== state.questions[at]);
    if (kept >= 0) dropFrom(kept);
    const isStart = state.questions.length === 0;
    byId("ask-welcome").hidden = !isStart;
    byId("restart").hidden = isStart;
    labelInput();
    if (isStart) {
      statusLine.textContent = "";
      byId("ask-welcome").replaceChildren(
        el("p", {}, "Answers are put together from the documents, each sentence with a citation that is checked against the stored text."),
        answerer.label.hidden ? "" : el("p", {}, "A language model may write them instead: what it quotes is looked up likewise, and marked where it does not stand there."),
        collectionsNode(shell.served()),
      );
    }
    if (!asking) askNext();
  }

  function labelInput() {
    const label = turns.some(({ answer }) => answer) ? "Ask a follow-up" : "Ask a question";
    byId("question-label").textContent = input.placeholder = label;
  }

  function dropFrom(at) {
    asking?.abort();
    asking = null;
    for (const { turn } of turns.splice(at)) turn.node.remove();
    setBusy(false);
  }

  async function askNext() {
    const question = shell.state().questions[turns.length];
    if (question === undefined || shell.state().view !== "ask") return;
    const turn = createTurn(question, page);
    const entry = { question, turn, answer: null };
    turns.push(entry);
    turnList.append(turn.node);
    if (turns.length > 1) turn.node.scrollIntoView({ block: "start" });
    await ask(entry);
    // A question that failed is not skipped over: the next ones may hang on it.
    if (entry.answer && turns.at(-1) === entry) askNext();
  }

  async function ask(entry) {
    const { turn, question } = entry;
    const mine = (asking = new AbortController());
    for (const field of [input, options.filterInput, answerer.select]) field.removeAttribute("aria-invalid");
    setBusy(true);
    const history = turns.filter(({ answer }) => answer).map(({ answer }) => said(answer)).slice(-MAX_HISTORY);
    try {
      statusLine.textContent = "Searching\u2026";
      for await (const { event, data } of api.answer(answerBody(shell.state(), question, history), mine.signal)) {
        if (mine !== asking) return;
        if (event === "retrieval") {
          turn.retrieved(data);
          statusLine.textContent = "Writing\u2026";
        }
        if (event === "token") turn.token(data.text);
        if (event === "answer") {
          entry.answer = data;
          turn.finish(data);
          statusLine.textContent = outcome(data);
        }
      }
    } catch (error) {
      if (mine !== asking) return;
      if (error.name === "AbortError") {
        turn.stop();
        statusLine.textContent = "Stopped";
      } else fail(entry, error);
    } finally {
      if (mine === asking) {
        asking = null;
        setBusy(false);
      }
    }
  }

  /** A turn as it is sent along: without markers, whose numbers mean nothing later. */
  const said = ({ question, claims }) => ({ question, answer: claims.map(({ text }) => text).join(" ") });

  const outcome = ({ abstained, citations, timings_ms: ms }) =>
    abstained ? "No answer found" : `Answered with ${counted(citations.length, "citation")} in ${duration(ms.total)}`;

  function fail(entry, error) {
    statusLine.textContent = "";
    // The message stands in the turn; a field that was refused is marked.
    const fields = { question: input, filter: options.filterInput, model: answerer.select };
    if (error.status === 400) fields[error.parameter]?.setAttribute("aria-invalid", "true");
    entry.turn.fail(error, () => {
      dropFrom(turns.indexOf(entry));
      askNext();
    });
  }

  function setBusy(isBusy) {
    byId("busy").hidden = !isBusy;
    const buttons = [byId("ask-button"), byId("stop-button")];
    const [shown, other] = isBusy ? buttons.reverse() : buttons;
    // Who stands on one of the two stays at their place.
    const isFocused = document.activeElement === other;
    other.hidden = true;
    shown.hidden = false;
    if (isFocused) shown.focus();
    labelInput();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const question = input.value.trim();
    if (!question || asking) return input.focus();
    input.value = "";
    // What failed or was stopped gives way to the new question.
    const questions = turns.filter(({ answer }) => answer).map((turn) => turn.question);
    const failed = turns.findIndex(({ answer }) => !answer);
    if (failed >= 0) dropFrom(failed);
    shell.go({ ...readOptions(), questions: [...questions, question] });
  });

  form.addEventListener("change", (event) => {
    if (event.target === input) return;
    shell.go(readOptions(), { replace: true });
  });

  byId("stop-button").addEventListener("click", () => {
    asking?.abort();
    input.focus();
  });

  byId("restart").addEventListener("click", () => {
    shell.go({ ...shell.state(), questions: [], doc: null, start: null, end: null });
    input.focus();
  });

  listenForPopover();

  return { root: byId("ask-view"), show, focus: () => (input.focus(), input.select()) };
}
