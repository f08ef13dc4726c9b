// Changing documents: jobs, the form, and the question before each change.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { textOf, withPage } from "./harness.js";
import { itemsOf, jobOf, jobsWith } from "./stub.js";

/** The status of the stored document, asked for beside the page. */
const statusOf = async (page, id) => (await page.request.get(`/v1/documents/${encodeURIComponent(id)}`)).status();

const remove = (page, id) => page.request.delete(`/v1/documents/${encodeURIComponent(id)}`);

async function openForm(page) {
  await page.waitForSelector("#put-fold:not([hidden])");
  await page.click("#put-fold > summary");
}

/** Answers the question that is asked, and gives its words. */
async function answerQuestion(page, button) {
  await page.waitForSelector("dialog.confirm[open]");
  const words = await textOf(page, "dialog.confirm");
  await page.locator("dialog.confirm").getByRole("button", { name: button }).click();
  await page.waitForSelector("dialog.confirm", { state: "detached" });
  return words;
}

const readOnly = (page) => page.route("**/v1/collections", async (route) => {
  const response = await route.fetch();
  const body = await response.json();
  const collections = body.collections.map((collection) => ({ ...collection, writable: false }));
  await route.fulfill({ response, json: { ...body, collections } });
});

export default (world) =>
  describe("changes", () => {
    test("a document is put, found and deleted, each after a question", () =>
      withPage(world, "/?q=pantograph&strategy=lexical", {}, async (page) => {
        const id = "trams/größe & maß.md";
        await page.waitForSelector("#search-notices .notice");
        await page.click("#views >> text=Changes");
        await page.waitForURL(/\/changes\?/);
        await openForm(page);
        await page.fill("#put-id", id);
        await page.fill("#put-text", "# Trams\n\nThe pantograph touches the overhead wire.");
        await page.click("#put button");
        assert.match(await answerQuestion(page, "Cancel"), /Put this document\?\s+trams\/größe & maß\.md in texts will be new\./);
        assert.equal(await statusOf(page, id), 404);
        await page.click("#put button");
        await answerQuestion(page, "Put it");
        await page.waitForSelector("#put-told a");
        assert.match(await textOf(page, "#put-told"), /maß\.md was created, with 1 passage\./);
        assert.equal(await page.inputValue("#put-text"), "");
        await page.fill("#put-id", id);
        await page.fill("#put-text", "# Trams\n\nThe pantograph sparks.");
        await page.click("#put button");
        assert.match(await answerQuestion(page, "Replace it"), /What it says now is lost/);
        await page.waitForFunction(() => /was replaced/.test(document.querySelector("#put-told").textContent));
        assert.ok((await page.locator("#jobs > li").count()) >= 2);

        // What was found before the change is searched again.
        await page.click("#views >> text=Search");
        await page.click(".hit >> nth=0 >> a.title");
        await page.waitForSelector("#document .in-passage");
        assert.match(await textOf(page, "#document article"), /sparks/);
        await page.getByRole("button", { name: "Delete" }).click();
        await answerQuestion(page, "Cancel");
        assert.equal(await statusOf(page, id), 200);
        await page.getByRole("button", { name: "Delete" }).click();
        assert.match(await answerQuestion(page, "Delete it"), /goes from texts and from every search/);
        await page.waitForSelector("#document [role=status]");
        assert.match(await textOf(page, "#document article"), /no search finds it any more/);
        await page.waitForFunction(() => document.querySelectorAll(".hit").length === 0);
        assert.equal(await page.evaluate(() => document.activeElement.id), "document");
        assert.equal(await statusOf(page, id), 404);
      }));

    test("a file is put as its extension says", () =>
      withPage(world, "/changes", {}, async (page) => {
        const file = (name, text) => ({ name, mimeType: "application/x-unknown", buffer: Buffer.from(text) });
        const refusal = () => textOf(page, "#put-error");
        await openForm(page);
        await page.click("#put button");
        assert.match(await refusal(), /needs an id/);
        assert.equal(await page.getAttribute("#put-id", "aria-invalid"), "true");
        assert.equal(await page.evaluate(() => document.activeElement.id), "put-id");
        await page.setInputFiles("#put-file", file("bridge.xyz", "x"));
        assert.equal(await page.inputValue("#put-id"), "bridge.xyz");
        await page.click("#put button");
        assert.match(await refusal(), /not read; there are md, markdown, html/);
        await page.fill("#put-text", "x");
        await page.click("#put button");
        assert.match(await refusal(), /leave one of them out/);
        await page.fill("#put-text", "");
        await page.setInputFiles("#put-file", file("bridge.html", "<title>Bridges</title><main><p>A cable-stayed span.</p></main>"));
        await page.click("#put button");
        await answerQuestion(page, "Put it");
        await page.click("#put-told a");
        await page.waitForSelector("#document article p");
        assert.match(await textOf(page, "#document article"), /^Bridges[\s\S]*A cable-stayed span\.$/);
        await remove(page, "bridge.xyz");
      }));

    test("what the server refuses is told beside the form, which keeps what was written", () =>
      withPage(world, "/changes", {}, async (page) => {
        await page.route("**/v1/documents/**", (route) => {
          if (route.request().method() !== "PUT") return route.continue();
          return route.fulfill({ status: 429, json: { error: { code: "writes_queued", message: "9 changes wait already, of 9 that may; try again" } } });
        });
        await openForm(page);
        await page.fill("#put-id", "a.md");
        await page.fill("#put-text", "kept");
        await page.click("#put button");
        await answerQuestion(page, "Put it");
        await page.waitForSelector("#put-error:not([hidden])");
        assert.match(await textOf(page, "#put-error"), /^9 changes wait already/);
        assert.equal(await page.inputValue("#put-text"), "kept");
      }));

    test("a job lists what became of each change, with reasons and links", () =>
      withPage(world, "/changes", {}, async (page) => {
        await page.waitForSelector("#changes-status:not(:empty)");
        const lines = '{"id": "ferry.md", "text": "A ferry."}\nno json\n{"delete": "nobody.md"}\n';
        const made = await page.request.post("/v1/bulk?wait=true", { headers: { "Content-Type": "application/x-ndjson" }, data: lines });
        assert.ok(made.ok(), await made.text());
        await page.reload();
        await page.waitForSelector("#jobs .job");
        assert.match(await textOf(page, "#jobs li >> nth=0"), /texts\s+Done in [\d.]+ m?s\s+3 changes: 1 created, 1 not found, 1 refused/);
        await page.click("#jobs .job >> nth=0 >> summary");
        await page.waitForSelector(".job-items li");
        const items = await page.locator(".job-items li").allInnerTexts();
        assert.match(items[0], /line 1\s+ferry\.md\s+created, 1 passage/);
        assert.match(items[1], /line 2\s+no id\s+refused\s+\S/);
        assert.match(items[2], /line 3\s+nobody\.md\s+not found/);
        await page.click(".job-items a.title");
        await page.waitForSelector("#document article");
        assert.match(await textOf(page, "#document article"), /A ferry/);
        await remove(page, "ferry.md");
      }));

    test("jobs under way are asked for each second, and what is opened stays open", async () => {
      let jobs = [jobOf({ state: "waiting", waiting_for: "process 7", counts: { items: 1500 } })];
      const before = (page) => jobsWith(page, () => jobs, (from) => itemsOf(1500).slice(from, from + 1000));
      await withPage(world, "/changes", { before }, async (page) => {
        await page.waitForSelector("#jobs progress");
        assert.match(await textOf(page, "#jobs li"), /Waits for process 7\s+1,500 changes$/);
        assert.equal(await textOf(page, "#changes-status"), "1 job under way: 0 of 1,500 changes settled.");
        await page.click("#jobs summary");
        await page.waitForFunction(() => document.querySelectorAll(".job-items li").length === 1000);
        await page.click("text=More changes");
        await page.waitForFunction(() => document.querySelectorAll(".job-items li").length === 1500);
        assert.equal(await page.locator("text=More changes").isVisible(), false);
        await page.focus("#jobs summary");
        jobs = [jobOf({ state: "running", counts: { items: 1500, settled: 600, created: 599, refused: 1 } })];
        await page.waitForFunction(() => document.querySelector("#jobs progress").value === 600);
        assert.match(await textOf(page, "#jobs summary"), /Running\s+1,500 changes: 599 created, 1 refused/);
        const done = jobOf({ counts: { items: 1500, settled: 1500, created: 1499, refused: 1 } });
        jobs = [jobOf({ job: "1-2", counts: { items: 1, settled: 1, deleted: 1 } }), done];
        await page.waitForFunction(() => document.querySelector("#changes-status").textContent === "All changes have a result.");
        assert.equal(await page.locator("#jobs > li").count(), 2);
        assert.match(await textOf(page, "#jobs > li >> nth=0"), /1 change: 1 deleted/);
        assert.equal(await page.locator("#jobs > li >> nth=1 >> progress").isVisible(), false);
        assert.equal(await page.locator("#jobs > li >> nth=1 >> details[open] .job-items li").count(), 1500);
        assert.ok(await page.evaluate(() => document.activeElement.matches("#jobs > li:nth-child(2) summary")));
      });
    });

    test("a server that is gone is told, and asked again", () =>
      withPage(world, "/changes", { before: (page) => page.clock.install() }, async (page) => {
        await page.waitForSelector("#changes-status:not(:empty)");
        await page.route("**/v1/jobs", (route) => route.abort());
        await page.clock.runFor(10_000);
        await page.waitForSelector("#changes-notices .error");
        assert.match(await textOf(page, "#changes-notices"), /No connection/);
        await page.unroute("**/v1/jobs");
        await page.clock.runFor(10_000);
        await page.waitForSelector("#changes-notices .error", { state: "detached" });
      }));

    test("nothing is offered where nothing can be changed", () =>
      withPage(world, "/?q=how+long+is+a+loaf+proofed", { before: readOnly }, async (page) => {
        await page.click(".hit >> nth=0 >> a.title");
        await page.waitForSelector("#document .in-passage");
        assert.equal(await page.getByRole("button", { name: "Delete" }).count(), 0);
        assert.equal(await page.locator("#views >> text=Changes").isVisible(), false);
        await page.keyboard.press("4");
        assert.equal(new URL(page.url()).pathname, "/");
        await page.goto("/changes");
        await page.waitForSelector("#changes-notices .notice");
        assert.match(await textOf(page, "#changes-notices"), /Nothing here can be changed[\s\S]*--writable/);
        assert.equal(await page.locator("#put-fold").isVisible(), false);
      }));

    test("the page of the API asks before it changes a document, and writes the command", () =>
      withPage(world, "/docs", {}, async (page) => {
        await page.click("#delete > summary");
        await page.fill("#delete input[name=id]", "nobody's.md");
        assert.match(await textOf(page, "#delete pre.curl"), /^curl -s -X DELETE 'http:.*\/v1\/documents\/nobody'\\''s\.md'$/);
        await page.click("#delete button[type=submit]");
        assert.match(await answerQuestion(page, "Cancel"), /DELETE \/v1\/documents\/nobody's\.md/);
        assert.equal(await textOf(page, "#delete .response"), "");
        await page.click("#delete button[type=submit]");
        await answerQuestion(page, "Send it");
        await page.waitForSelector("#delete .response .field-error");
        assert.match(await textOf(page, "#delete .response"), /^404[\s\S]*unknown_document/);
        await page.click("#bulk > summary");
        await page.fill("#bulk textarea", '{"delete": "a"}\n{"delete": "b"}');
        assert.match(await textOf(page, "#bulk pre.curl"), /-H 'Content-Type: application\/x-ndjson' --data-binary '\{"delete": "a"\}\n\{"delete": "b"\}'$/);
      }));

    test("keys do nothing behind a question, and Escape takes it back", () =>
      withPage(world, "/?q=how+long+is+a+loaf+proofed", {}, async (page) => {
        await page.click(".hit >> nth=0 >> a.title");
        await page.waitForSelector("#document .in-passage");
        await page.getByRole("button", { name: "Delete" }).click();
        await page.waitForSelector("dialog.confirm[open]");
        assert.equal(await page.evaluate(() => document.activeElement.textContent), "Cancel");
        await page.keyboard.press("3");
        await page.keyboard.press("Escape");
        await page.waitForSelector("dialog.confirm", { state: "detached" });
        assert.equal(await page.locator("#document .in-passage").first().isVisible(), true);
        assert.equal(new URL(page.url()).pathname, "/");
        assert.equal(await page.evaluate(() => document.activeElement.textContent), "Delete…");
      }));
  });
