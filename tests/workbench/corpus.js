// The documents that are searched: small, about things that are easily told apart,
// and one that tries to run.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const BREAD = `# Sourdough bread

## Feeding the starter

A sourdough starter is fed with equal parts of flour and water. It is ready when it
doubles its volume within six hours.

## Proofing

The shaped loaf is proofed in the refrigerator for twelve hours. Cold proofing slows
the yeast down and gives the bread its sour taste.

## Baking

Bread is baked at 240 degrees in a closed pot. The lid is removed after twenty minutes.

\`\`\`text
flour 500 g
water 350 g
salt  10 g
\`\`\`
`;

const BICYCLE = `# Bicycle maintenance

## Cleaning the chain

The chain is cleaned with a degreaser every two hundred kilometres. A dry chain is
oiled drop by drop, and the rest is wiped off.

## Tyre pressure

Tyres of a road bicycle are inflated to seven bar. Too little pressure leads to
punctures on sharp edges.
`;

const TIDES = `<!doctype html>
<html lang="en"><head><title>Tides</title></head><body><main>
<h1>Tides</h1>
<h2>Spring tides</h2>
<p>Spring tides occur at new moon and at full moon, when sun and moon pull in one line.</p>
<h2>Neap tides</h2>
<p>Neap tides occur at the half moon. The difference between high and low water is then smallest.</p>
<table><tr><td>Moon</td><td>Tide</td></tr><tr><td>full</td><td>spring</td></tr><tr><td>half</td><td>neap</td></tr></table>
</main></body></html>
`;

/** Sets `window.hostile` if any of it ever runs. */
const HOSTILE = `<!doctype html>
<html lang="en"><head><title>Hostile &lt;script&gt;window.hostile = 1&lt;/script&gt; page</title></head>
<body onload="window.hostile = 2"><main>
<h1>Hostile &lt;img src=x onerror="window.hostile = 3"&gt; page</h1>
<script>window.hostile = 4</script>
<p onclick="window.hostile = 5">The zeppelin manual says: &lt;svg onload="window.hostile = 6"&gt; and
&lt;script src="http://elsewhere.invalid/a.js"&gt;&lt;/script&gt; are only text.</p>
<p><a href="javascript:window.hostile=7">A zeppelin link</a> and
<img src="http://elsewhere.invalid/a.png" onerror="window.hostile = 8" alt="a zeppelin picture"></p>
<iframe src="http://elsewhere.invalid/"></iframe>
<pre><code>&lt;b onmouseover="window.hostile = 9"&gt;zeppelin code&lt;/b&gt;</code></pre>
</main></body></html>
`;

const HOSTILE_MARKDOWN = `# Markdown that tries

The airship diary has <script>window.hostile = 10</script> and
[an airship link](javascript:window.hostile=11) and <img src=x onerror="window.hostile=12">.
`;

const FILES = {
  "bread.md": BREAD,
  "bicycle.md": BICYCLE,
  "tides.html": TIDES,
  "hostile.html": HOSTILE,
  "diary.md": HOSTILE_MARKDOWN,
};

/** Writes the documents into `folder`. */
export async function writeCorpus(folder) {
  await mkdir(folder, { recursive: true });
  await Promise.all(Object.entries(FILES).map(([name, text]) => writeFile(join(folder, name), text)));
}
