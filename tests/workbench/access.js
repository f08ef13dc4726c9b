// Every view in both colour schemes, wide and on a phone: nothing that axe finds
// serious, and nothing to scroll sideways.

import { describe, test } from "node:test";

import { assertAccessible, assertFits, PHONE, withPage } from "./harness.js";
import { answerOf, answerWith, failingStream, itemsOf, jobOf, jobsWith, streamOf, writtenOf } from "./stub.js";

const answered = (answer) => (page) => answerWith(page, () => streamOf(answer));
const failed = (page) => answerWith(page, () => failingStream({ code: "model_failed", message: "it failed" }));

const ABSTAINED = answerOf({ abstained: true, answer: "", claims: [], citations: [], nearest: answerOf().citations });

const { citations: [citation] } = answerOf();
const MIXED = answerOf({
  standalone: { query: "loaf how long is it proofed", rules: ['"it" stands for something said before'], added: ["loaf"] },
  answer: "One.[1] Two.[2] Three.[3]",
  citations: [
    citation,
    { ...citation, number: 2, verdict: "not_found", places: [] },
    { ...citation, number: 3, verdict: "unquoted", quote: "", places: [] },
  ],
  degraded: [{ stage: "rerank", reason: "2 of 50 candidates were read" }],
});

const JOBS = [
  jobOf({ state: "waiting", waiting_for: "`trovato ingest` (process 7)", counts: { items: 2, settled: 1, created: 1 } }),
  jobOf({ job: "1-0", counts: { items: 2, settled: 2, created: 1, refused: 1 } }),
];
const FAILED_ITEM = { line: 2, document: `${"long/".repeat(30)}name.md`, result: "refused", reason: "empty: it has no text" };
const jobs = (page) => jobsWith(page, () => JOBS, (from) => (from ? [] : [...itemsOf(1), FAILED_ITEM]));

/** Views: an address, what to do there, and what is answered in place of the server. */
const VIEWS = {
  start: ["/", (page) => page.waitForSelector("#welcome li")],
  passages: ["/?q=how+long+is+bread+proofed", (page) => page.waitForSelector(".hit")],
  "an explanation": ["/?q=how+long+is+bread+proofed", async (page) => {
    await page.click(".hit >> nth=0 >> button.why");
    await page.waitForSelector(".hit .pipeline");
    await page.fill("#why-not-id", "nothing.md");
    await page.press("#why-not-id", "Enter");
    await page.waitForSelector("#why-not-answer .pipeline");
  }],
  "an error": ["/?q=bread&filter=format+%3D", (page) => page.waitForSelector(".field-error:not([hidden])")],
  "a document": ["/?q=spring+tides", async (page) => {
    await page.click(".hit >> nth=0 >> a.title");
    await page.waitForSelector("#document .in-passage");
  }],
  "before a question": ["/ask", (page) => page.waitForSelector("#ask-welcome li")],
  "an answer": ["/ask?q=how+long", async (page) => {
    await page.waitForSelector(".citations");
    await page.click(".turn summary >> nth=0");
    await page.focus(".answer .cite.unverified");
    await page.waitForSelector("#popover:not([hidden])");
  }, answered(MIXED)],
  "a written answer": ["/ask?q=how+long&model=written", (page) => page.waitForSelector(".written"), answered(writtenOf())],
  "no answer": ["/ask?q=how+long", (page) => page.waitForSelector(".answer .citations"), answered(ABSTAINED)],
  "a failed answer": ["/ask?q=how+long", (page) => page.waitForSelector(".turn .error"), failed],
  "before a comparison": ["/compare", (page) => page.waitForSelector(".side")],
  "a comparison": ["/compare?q=how+long+is+bread+proofed", async (page) => {
    await page.waitForSelector(".ladder .row");
    await page.click("text=Time by stage");
  }],
  changes: ["/changes", async (page) => {
    await page.click("#put-fold > summary");
    await page.click("#put button");
    await page.waitForSelector("#put-error:not([hidden])");
    await page.click("#jobs > li >> nth=1 >> summary");
    await page.waitForSelector(".job-items .failure");
  }, jobs],
  "a question before a change": ["/?q=spring+tides", async (page) => {
    await page.click(".hit >> nth=0 >> a.title");
    await page.getByRole("button", { name: "Delete" }).click();
    await page.waitForSelector("dialog.confirm[open]");
  }],
  "the API": ["/docs", async (page) => {
    await page.click("#answer summary");
    await page.click("#answer button[type=submit]");
    await page.waitForSelector("#answer .response pre");
  }],
  "the keys": ["/", async (page) => {
    await page.click("#keys-button");
    await page.waitForSelector("#keys[open]");
  }],
};

const SIZES = { wide: {}, phone: PHONE };

export default (world) =>
  describe("access", () => {
    for (const [size, settings] of Object.entries(SIZES)) {
      for (const colorScheme of ["light", "dark"]) {
        test(`${size}, ${colorScheme}`, async () => {
          for (const [name, [path, steps, before]] of Object.entries(VIEWS)) {
            await withPage(world, path, { ...settings, colorScheme, before }, async (page) => {
              await steps(page);
              await assertFits(page, name);
              await assertAccessible(page, name);
            });
          }
        });
      }
    }
  });
