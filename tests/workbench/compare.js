// Comparing: two configurations of one search.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { textOf, withPage } from "./harness.js";

export default (world) =>
  describe("compare", () => {
    test("two configurations are set side by side, with lines between the same passages", () =>
      withPage(world, "/compare?q=tides+at+full+moon&a.strategy=dense&a.rerank=none&b.rerank=none", {}, async (page) => {
        await page.waitForSelector(".ladder .row");
        const [inA, inB] = [await page.locator(".ranking >> nth=0 >> .row").count(), await page.locator(".ranking >> nth=1 >> .row").count()];
        assert.ok(inA > 1 && inB >= 1, `${inA} and ${inB} rows`);
        const figures = await textOf(page, ".figures");
        const overlap = Number(/Overlap\s+(\d+) of/.exec(figures)[1]);
        assert.match(figures, /Rank-biased overlap\s+(0\.\d\d|1\.00)/);
        await page.waitForFunction((n) => document.querySelectorAll(".lines .line").length === n, overlap);
        // What the numbers say is what the rows say.
        assert.equal(await page.locator(".ranking >> nth=0 >> .move.only").count(), inA - overlap);
        assert.equal(await page.locator(".ranking >> nth=1 >> .move.only").count(), inB - overlap);
        assert.match(await textOf(page, ".side-heading >> nth=0"), /^A Meaning, not reranked$/);
        await page.click("text=Time by stage");
        assert.equal(await page.locator(".times .timings").count(), 2);
      }));

    test("the same on both sides agrees fully", () =>
      withPage(world, "/compare?q=tides&b.strategy=hybrid", {}, async (page) => {
        await page.waitForSelector(".figures");
        assert.match(await textOf(page, ".figures"), /Rank-biased overlap\s+1\.00/);
        assert.match(await textOf(page, "#compare-status"), /The same passages in the same order/);
        assert.equal(await page.locator(".move:not(.same)").count(), 0);
      }));

    test("what is set is in the address, and swapping changes sides", () =>
      withPage(world, "/compare?q=bread", {}, async (page) => {
        await page.waitForSelector(".ladder");
        await page.getByRole("group", { name: "B" }).getByLabel("Search by").selectOption("Meaning");
        await page.waitForURL(/b\.strategy=dense/);
        await page.getByRole("button", { name: "Swap" }).click();
        await page.waitForURL((url) => url.searchParams.get("a.strategy") === "dense" && url.searchParams.get("b.strategy") === "hybrid");
        await page.waitForFunction(() => document.querySelector(".side-heading")?.textContent.startsWith("A Meaning"));
      }));

    test("the side that was refused is named", () =>
      withPage(world, "/compare?q=bread&b.strategy=hybrid&b.fusion=median", {}, async (page) => {
        await page.waitForSelector("#comparison .error");
        assert.match(await textOf(page, "#comparison"), /^B was not answered[\s\S]*median/);
      }));
  });
