// Searching: what is found, why, and what is said when it is not.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { inView, textOf, withPage } from "./harness.js";

const QUERY = "/?q=how+long+is+a+loaf+proofed";

export default (world) =>
  describe("search", () => {
    test("typing finds passages, and the address is a link to them", () =>
      withPage(world, "/", {}, async (page) => {
        await page.fill("#query", "chain degreaser");
        await page.waitForSelector(".hit");
        assert.match(await textOf(page, ".hit >> nth=0"), /Bicycle maintenance[\s\S]*degreaser/);
        assert.match(await textOf(page, "#search-status"), /^\d+ passages? in [\d.]+ m?s/);
        assert.match(page.url(), /\/\?q=chain\+degreaser$/);
        await page.reload();
        assert.match(await textOf(page, ".hit >> nth=0 >> a.title"), /Bicycle maintenance/);
      }));

    test("a passage opens in its document, marked, and going back closes it", () =>
      withPage(world, QUERY, {}, async (page) => {
        await page.click(".hit >> nth=0 >> a.title");
        await page.waitForSelector("#document .in-passage");
        assert.match(await textOf(page, "#document article"), /twelve hours/);
        assert.match(page.url(), /doc=.*bread\.md&start=\d+&end=\d+/);
        await page.goBack();
        await page.waitForSelector("#document", { state: "hidden" });
      }));

    test("a passage's way through the stages is drawn above its arithmetic", () =>
      withPage(world, QUERY, {}, async (page) => {
        await page.click(".hit >> nth=0 >> button.why");
        await page.waitForSelector(".hit .pipeline");
        const names = await page.locator(".hit .pipeline .stage-name").allInnerTexts();
        assert.deepEqual(names, ["Words", "Meaning", "Fusion", "Reranking", "Shown"]);
        assert.match(await textOf(page, ".hit .pipeline .stage >> nth=1"), /rank \d+[\s\S]*cosine [\d.]+[\s\S]*ms/);
        assert.match(await textOf(page, ".hit .pipeline .stage >> nth=3"), /\d+ → 1/);
        assert.match(await textOf(page, ".hit .explanation"), /reranked by/);
      }));

    test("not reranking is a choice, and leaves the stage out of the picture", () =>
      withPage(world, QUERY, {}, async (page) => {
        await inView(page).getByLabel("Rerank").uncheck();
        await page.waitForURL(/rerank=0/);
        await page.waitForFunction(() => !document.querySelector("#search-status").textContent.includes("reranked"));
        await page.click(".hit >> nth=0 >> button.why");
        await page.waitForSelector(".hit .pipeline");
        const names = await page.locator(".hit .pipeline .stage-name").allInnerTexts();
        assert.ok(!names.includes("Reranking"), names.join());
      }));

    test("a document that is missing is told where it was lost", () =>
      withPage(world, `${QUERY}&filter=${encodeURIComponent('format = "html"')}`, {}, async (page) => {
        await page.waitForSelector(".hit");
        const id = await page.evaluate(async () => {
          const body = JSON.stringify({ query: "loaf proofed" });
          const response = await fetch("/v1/search", { method: "POST", headers: { "Content-Type": "application/json" }, body });
          return (await response.json()).hits[0].document;
        });
        await page.fill("#why-not-id", id);
        await page.press("#why-not-id", "Enter");
        assert.match(await textOf(page, "#why-not-answer .stage.lost"), /Filter\s+✕\s+lost here:\s+left out/);
        assert.match(await textOf(page, "#why-not-answer > p"), /the filter leaves it out/);
      }));

    test("a filter that is wrong is told beside it, and what was found stays", () =>
      withPage(world, QUERY, {}, async (page) => {
        await page.waitForSelector(".hit");
        await inView(page).getByLabel("Filter").fill("format =");
        await page.waitForSelector("#search-options .field-error:not([hidden])");
        assert.match(await textOf(page, "#search-options .field-error"), /^At byte 8: expected a value/);
        assert.ok((await page.locator(".hits.outdated .hit").count()) > 0);
        await inView(page).getByLabel("Filter").fill('format = "html"');
        await page.waitForSelector(".hits:not(.outdated) .hit");
        assert.equal(await page.locator("#search-options .field-error").isHidden(), true);
      }));

    test("nothing found gives advice, no error", () =>
      withPage(world, `/?q=loaf&filter=${encodeURIComponent('format = "pdf"')}`, {}, async (page) => {
        await page.waitForSelector("#search-notices .notice");
        assert.match(await textOf(page, "#search-notices"), /No passage matches[\s\S]*The filter may leave out/);
      }));

    test("a server that is gone is told, and can be tried again", () =>
      withPage(world, "/", {}, async (page) => {
        await page.route("**/v1/search", (route) => route.abort());
        await page.fill("#query", "loaf");
        await page.waitForSelector("#search-notices .error");
        assert.match(await textOf(page, "#search-notices"), /No connection/);
        await page.unroute("**/v1/search");
        await page.getByRole("button", { name: "Try again" }).click();
        await page.waitForSelector(".hit");
      }));

    test("judgments are sent with what was searched, where the server keeps them", async () => {
      const kept = [];
      const keeping = async (page) => {
        await page.route("**/v1/collections", async (route) => {
          const response = await route.fetch();
          await route.fulfill({ response, json: { ...(await response.json()), feedback: true } });
        });
        await page.route("**/v1/feedback", (route) => {
          kept.push(route.request().postDataJSON());
          return route.fulfill({ status: 204 });
        });
      };
      await withPage(world, QUERY, { before: keeping }, async (page) => {
        await page.getByRole("button", { name: "Not relevant" }).first().click();
        await page.waitForSelector('.hit button.irrelevant[aria-pressed="true"]');
        assert.equal(await page.locator(".hit button.relevant").first().getAttribute("aria-pressed"), "false");
      });
      const [{ document, span, ...rest }] = kept;
      assert.match(document, /bread\.md$/);
      assert.ok(span[0] < span[1]);
      assert.deepEqual(rest, { query: "how long is a loaf proofed", collection: "texts", relevant: false });
      await withPage(world, QUERY, { before: async (page) => page.route("**/v1/collections", async (route) => {
        const response = await route.fetch();
        const { feedback: _, ...body } = await response.json();
        await route.fulfill({ response, json: body });
      }) }, async (page) => {
        await page.waitForSelector(".hit");
        assert.equal(await page.locator(".feedback").count(), 0);
      });
    });

    test("the evaluation is linked where there is one on this server", async () => {
      for (const [report, shown] of [["/report", true], [undefined, false], ["javascript:window.hostile=1", false], ["//elsewhere.invalid/", false]]) {
        const reporting = (page) => page.route("**/v1/collections", async (route) => {
          const response = await route.fetch();
          await route.fulfill({ response, json: { ...(await response.json()), report } });
        });
        await withPage(world, QUERY, { before: reporting }, async (page) => {
          await page.waitForSelector(".hit");
          assert.equal(await page.locator("#report-link").isVisible(), shown, report);
          if (!shown) return;
          assert.equal(await page.locator("#report-link").getAttribute("href"), "/report");
          await page.locator("#views a:visible").last().focus();
          await page.keyboard.press("Tab");
          assert.equal(await page.evaluate(() => document.activeElement.id), "report-link");
        });
      }
    });
  });
