// Which leg found a passage and at what rank, and what fusion and reranking made of it.

import * as api from "./api.js";
import { duration, passageKey, shortNumber } from "./dom.js";
import { searchBody } from "./state.js";

/**
 * Reads what every stage made of the passages of a search.
 *
 * A fused score is made of the legs' scores, so its explanation knows no ranks: the
 * legs are searched once more, each alone, and the first stage without reranking.
 *
 * @returns a function of a hit: its `stages`, for a picture, and its `explanation`.
 */
export async function readStages(state, collection) {
  const body = searchBody(state);
  const isReranked = collection?.reranker && state.rerank;
  const plain = {
    ...body,
    top: 100,
    highlights: false,
    near_duplicates: "list",
    ...(collection?.reranker ? { rerank: "none" } : {}),
  };
  const strategies = state.strategy === "hybrid" ? ["lexical", "dense", "hybrid"] : [state.strategy];
  const [explained, ...alone] = await Promise.all([
    api.search({ ...body, explain: true }),
    ...strategies.map((strategy) => api.search({ ...plain, strategy })),
  ]);
  const rankings = Object.fromEntries(strategies.map((strategy, at) => [strategy, rankingOf(alone[at])]));
  const final = rankingOf(explained);
  return (hit) => {
    const place = final.get(passageKey(hit));
    if (!place?.hit.explanation) throw new Error("the index has changed since; search again");
    const places = { ...ranksOf(hit, rankings), final: place };
    return { stages: stagesOf(places, explained, { strategy: state.strategy, isReranked }), explanation: place.hit.explanation };
  };
}

const rankingOf = ({ hits }) =>
  new Map(hits.map((hit, at) => [passageKey(hit), { rank: at + 1, hit, of: hits.length }]));

const ranksOf = (hit, rankings) =>
  Object.fromEntries(Object.entries(rankings).map(([name, ranking]) => [name, ranking.get(passageKey(hit))]));

/** A leg; of a passage it lacks, how far was looked. */
function legStage(name, unit, place, ms) {
  if (!place) return { name, mark: "missed", head: "not in its first 100", notes: [duration(ms)] };
  const { rank, of, hit } = place;
  return {
    name,
    mark: "passed",
    head: `rank ${rank}`,
    tracks: [{ rank, of: Math.max(of, rank) }],
    notes: [`${unit} ${shortNumber(hit.score, 3)}`, duration(ms)],
  };
}

function moved(before, after) {
  if (before === after) return "stays";
  return before > after ? `\u25B2 up ${before - after}` : `\u25BC down ${after - before}`;
}

function stagesOf(places, { timings_ms: ms, reranked, hits }, { strategy, isReranked }) {
  const words = () => legStage("Words", "BM25", places.lexical, ms.lexical);
  const meaning = () => legStage("Meaning", "cosine", places.dense, ms.encode + ms.dense);
  const stages = [strategy === "hybrid" ? [words(), meaning()] : strategy === "lexical" ? words() : meaning()];
  const first = places[strategy];
  if (strategy === "hybrid") {
    stages.push({
      name: "Fusion",
      mark: first ? "passed" : "missed",
      head: first ? `rank ${first.rank}` : "below 100",
      tracks: first ? [{ rank: first.rank, of: Math.max(100, first.rank) }] : [],
      notes: [duration(ms.fusion)],
    });
  }
  if (isReranked && reranked) stages.push(rerankStage(first, places.final, reranked, ms.rerank));
  stages.push({ name: "Shown", mark: "passed", head: `number ${places.final.rank}`, notes: [`of ${hits.length}`, `${duration(ms.total)} in all`] });
  return stages;
}

function rerankStage(first, final, reranked, ms) {
  const notes = [`${reranked.scored} of ${reranked.candidates} read`, duration(ms)];
  if (final.hit.explanation.description.startsWith("not read")) {
    return { name: "Reranking", mark: "missed", head: "not read", notes };
  }
  const track = { rank: final.rank, of: 100, from: first?.rank };
  return {
    name: "Reranking",
    mark: "passed",
    head: first ? `${first.rank} \u2192 ${final.rank}` : `\u2192 ${final.rank}`,
    tracks: [track],
    notes: [first ? moved(first.rank, final.rank) : null, ...notes].filter(Boolean),
  };
}
