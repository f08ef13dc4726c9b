// The view of changes: the latest jobs, and a form that puts a document.

import * as api from "./api.js";
import { byId, counted, el } from "./dom.js";
import { createJob, isDone } from "./jobs.js";
import { errorNotice, notice } from "./notices.js";
import { createPutForm } from "./put_form.js";

const BUSY_MS = 1000;
/** Jobs that other clients begin show after this time at the latest. */
const IDLE_MS = 10_000;
/** A live region that speaks each second is switched off by who has to listen to it. */
const SPOKEN_MS = 5000;

/** The view of `shell` that changes documents. */
export function createChanges(shell) {
  const statusLine = byId("changes-status");
  const notices = byId("changes-notices");
  const list = byId("jobs");
  const fold = byId("put-fold");
  const form = createPutForm(shell, told);

  /** Nodes by the names of their jobs. */
  let nodes = new Map();
  let timer = 0;
  let reading = null;
  let spoken = { at: 0, n: null };

  const isShown = () => shell.state().view === "changes";

  function show() {
    const isWritable = shell.writable().length > 0;
    fold.hidden = !isWritable;
    if (!isWritable) {
      return notices.replaceChildren(notice("Nothing here can be changed.", "Its collections are served to be read. ", el("code", {}, "trovato serve --writable"), " lets documents be put and deleted."));
    }
    form.fill();
    if (!reading) refresh();
  }

  async function refresh() {
    clearTimeout(timer);
    timer = 0;
    reading?.abort();
    const mine = (reading = new AbortController());
    let wait = IDLE_MS;
    try {
      const jobs = await api.jobs(mine.signal);
      notices.replaceChildren();
      showJobs(jobs);
      if (!jobs.every(isDone)) wait = BUSY_MS;
    } catch (error) {
      if (error.name === "AbortError") return;
      statusLine.textContent = "";
      notices.replaceChildren(errorNotice(error.status === 0 ? "No connection" : "The jobs were not told", error));
    }
    reading = null;
    timer = setTimeout(() => {
      timer = 0;
      if (isShown() && !document.hidden) refresh();
    }, wait);
  }

  function showJobs(jobs) {
    const known = nodes;
    nodes = new Map(jobs.map((job) => [job.job, known.get(job.job) ?? createJob(job, shell)]));
    for (const [id, { node }] of known) if (!nodes.has(id)) node.remove();
    // New ones come first; those that stay are not moved, which would take their focus.
    const isNew = jobs.filter(({ job }) => !known.has(job));
    list.prepend(...isNew.map(({ job }) => nodes.get(job).node));
    for (const job of jobs) nodes.get(job.job).update(job);
    speak(jobs);
  }

  function speak(jobs) {
    const active = jobs.filter((job) => !isDone(job));
    const isSame = active.length === spoken.n;
    if (isSame && (active.length === 0 || Date.now() - spoken.at < SPOKEN_MS)) return;
    spoken = { at: Date.now(), n: active.length };
    if (jobs.length === 0) statusLine.textContent = "Nothing was changed since the server started.";
    else if (active.length === 0) statusLine.textContent = "All changes have a result.";
    else {
      const sum = (name) => active.reduce((total, { counts }) => total + counts[name], 0);
      statusLine.textContent = `${counted(active.length, "job")} under way: ${sum("settled").toLocaleString("en")} of ${counted(sum("items"), "change")} settled.`;
    }
  }

  /** What the server said about a document that was put. */
  function told({ job, document: id, collection, result, chunks }) {
    const place = byId("put-told");
    if (job) place.replaceChildren("The document waits; its job is the first below.");
    else {
      const target = { id, collection };
      const link = el("a", { href: shell.documentAddress(target), onclick: (event) => shell.open(event, target) }, id);
      place.replaceChildren(link, ` was ${result === "unchanged" ? "the same already" : result}`, chunks ? `, with ${counted(chunks, "passage")}.` : ".");
    }
    shell.changed();
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && isShown() && !fold.hidden) refresh();
  });

  return { root: byId("changes-view"), show, focus: () => fold.querySelector("summary").focus() };
}
