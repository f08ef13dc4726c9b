// Documents and answers that try to run, which stay text.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { textOf, withPage } from "./harness.js";
import { answerOf, answerWith, jobOf, jobsWith, streamOf } from "./stub.js";

/** Nothing ran, and nothing of a document became markup that could. */
async function assertInert(page) {
  assert.equal(await page.evaluate(() => window.hostile), undefined);
  const found = await page.evaluate(() => ({
    foreign: document.querySelectorAll("body script, body img, iframe, object, embed, body style, body link").length,
    links: [...document.querySelectorAll("a[href]")].filter((link) => new URL(link.href).origin !== location.origin).length,
    handlers: [...document.querySelectorAll("*")].filter((node) => [...node.attributes].some(({ name }) => name.startsWith("on"))).length,
  }));
  assert.deepEqual(found, { foreign: 0, links: 0, handlers: 0 });
}

const EVIL = '<img src=x onerror="window.hostile=20"><script>window.hostile=21</script>';

export default (world) =>
  describe("hostile text", () => {
    for (const [query, document] of [["zeppelin manual", /hostile\.html/], ["airship diary", /diary\.md/]]) {
      test(`the document of "${query}" stays inert when found and opened`, () =>
        withPage(world, `/?q=${encodeURIComponent(query)}`, {}, async (page) => {
          await page.waitForSelector(".hit");
          assert.match(await textOf(page, ".hit >> nth=0 >> .id"), document);
          await assertInert(page);
          await page.click(".hit >> nth=0 >> a.title");
          await page.waitForSelector("#document article .in-passage");
          await page.click("#document article");
          await page.hover("#document article .in-passage >> nth=0");
          await assertInert(page);
        }));
    }

    test("markup in a hostile document is shown as it is written", () =>
      withPage(world, "/?q=zeppelin+manual", {}, async (page) => {
        await page.click(".hit >> nth=0 >> a.title");
        await page.waitForSelector("#document article .in-passage");
        assert.match(await textOf(page, "#document article"), /<svg onload="window.hostile = 6">/);
      }));

    test("an answer and its citations stay inert", () => {
      const { citations: [citation], context } = answerOf();
      const answer = answerOf({
        question: EVIL,
        standalone: { query: EVIL, rules: [EVIL] },
        answer: `${EVIL} [a link](javascript:window.hostile=22) \`${EVIL}\` **${EVIL}**[1]\n\n- ${EVIL}`,
        citations: [{ ...citation, title: EVIL, headings: [EVIL], quote: EVIL, document: "javascript:window.hostile=23" }],
        context: {
          ...context,
          passages: [{ ...context.passages[0], title: EVIL, headings: [EVIL], text: EVIL, document: `"${EVIL}` }],
          left_out: [{ document: EVIL, span: [0, 1], reason: EVIL }],
        },
        model: EVIL,
        degraded: [{ stage: EVIL, reason: EVIL }],
      });
      const answering = { before: (page) => answerWith(page, () => streamOf(answer)) };
      return withPage(world, `/ask?q=${encodeURIComponent(EVIL)}`, answering, async (page) => {
        await page.waitForSelector(".citations");
        await page.click(".turn summary >> nth=0");
        await page.hover(".answer .cite");
        await page.waitForSelector("#popover:not([hidden])");
        await assertInert(page);
        await page.keyboard.press("Escape");
        await page.click(".answer .cite");
        await page.waitForSelector("#document");
        await assertInert(page);
      });
    });

    test("a job, its documents and its reasons stay inert", () => {
      const job = jobOf({ collection: EVIL, state: "waiting", waiting_for: EVIL, counts: { items: 2 } });
      const items = [
        { line: 1, document: EVIL, result: "refused", reason: EVIL },
        { line: 2, document: "javascript:window.hostile=24", result: "created", chunks: 1 },
      ];
      const before = (page) => jobsWith(page, () => [job], () => items);
      return withPage(world, "/changes", { before }, async (page) => {
        await page.click("#jobs summary");
        await page.waitForSelector(".job-items li");
        await assertInert(page);
        await page.click(".job-items a.title");
        await page.waitForSelector("#document .error");
        await assertInert(page);
      });
    });

    test("an address full of markup is only words", () =>
      withPage(world, `/compare?q=${encodeURIComponent(EVIL)}&a.filter=${encodeURIComponent(EVIL)}&doc=${encodeURIComponent(EVIL)}`, {}, async (page) => {
        await page.waitForSelector("#document .error");
        await page.waitForSelector("#comparison .error", { state: "attached" });
        await assertInert(page);
      }));
  });
