// Modules of the page whose arithmetic can be checked by hand, run where they run.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { answerOf } from "./stub.js";
import { withPage } from "./harness.js";

export default (world) =>
  describe("modules", () => {
    test("a stream of events is read whatever way it is cut", () =>
      withPage(world, "/", {}, async (page) => {
        const text = ': a comment\r\nevent: token\r\ndata: {"text": "größe \u2028 🍞"}\r\n\r\nevent: answer\ndata: {"a":\ndata: 1}\n\ndata: {"cut": "off';
        for (const size of [1, 2, 3, 7, 1000]) {
          const events = await page.evaluate(async ([text, size]) => {
            const { events } = await import("/sse.js");
            const bytes = new TextEncoder().encode(text);
            const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.slice(at * size, (at + 1) * size));
            const stream = new ReadableStream({
              pull: (controller) => (pieces.length ? controller.enqueue(pieces.shift()) : controller.close()),
            });
            return Array.fromAsync(events(stream));
          }, [text, size]);
          assert.deepEqual(events, [
            { event: "token", data: { text: "größe \u2028 🍞" } },
            { event: "answer", data: { a: 1 } },
          ], `pieces of ${size} bytes`);
        }
      }));

    test("rank-biased overlap agrees with sums by hand", () =>
      withPage(world, "/", {}, async (page) => {
        const rbo = (a, b, p) =>
          page.evaluate(async ([a, b, p]) => (await import("/agreement.js")).rankBiasedOverlap([...a], [...b], p), [a, b, p]);
        const near = async (given, expected) => assert.ok(Math.abs((await given) - expected) < 1e-12, `${await given}, not ${expected}`);
        await near(rbo("abcdef", "abcdef", 0.9), 1);
        await near(rbo("abc", "def", 0.9), 0);
        await near(rbo("", "abc", 0.9), 0);
        assert.equal(await rbo("", "", 0.9), null);
        // Agreement 0 at depth 1 and 1 at depth 2: (1 - p) / p * p^2 + p^2 = p.
        await near(rbo("ab", "ba", 0.5), 0.5);
        await near(rbo("ab", "ba", 0.9), 0.9);
        // "a" against "ab": overlap 1 at both depths, so the sum of X_d / d * p^d is
        // p + p^2 / 2, that of X_s (d - s) / (s d) * p^d is p^2 / 2, and the rest
        // (X_l - X_s) / l + X_s / s is 1: (1 - p) / p * (p + p^2) + p^2 = 1.
        await near(rbo("a", "ab", 0.5), 1);
        // Order of the arguments does not matter.
        assert.equal(await rbo("abcd", "xbay", 0.9), await rbo("xbay", "abcd", 0.9));
      }));

    test("an answer is copied with a footnote for each citation", () =>
      withPage(world, "/", {}, async (page) => {
        const answer = answerOf({ question: "why *this*", answer: "It is so.[1] And [2] is no citation." });
        const text = await page.evaluate(async (answer) => (await import("/markdown.js")).answerMarkdown(answer), answer);
        const lines = text.split("\n").filter(Boolean);
        assert.equal(lines[0], "**why \\*this\\***");
        assert.equal(lines[1], "It is so.[^1] And [2] is no citation.");
        assert.match(lines[2], /^\[\^1\]: "The shaped loaf .* hours\." – Sourdough bread › Proofing \(texts\/bread\.md, bytes 0–40; verified\)$/);
      }));
  });
