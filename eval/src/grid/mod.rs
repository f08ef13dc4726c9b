//! The fusion grid: which fusion is the default, and how sure that is.
//!
//! The grid below was fixed before anything was measured. Both legs of every
//! topic are searched once; each cell of the grid then fuses the same two
//! rankings with the engine's own functions, so cells differ in nothing but
//! fusion and depth. The cell with the best average nDCG@10 over the tuning
//! sets gives the fusion; a smaller depth is kept where the best cell is not
//! better than it by more than chance. The reporting sets are only looked at
//! through the choice.

mod legs;
mod markdown;

use engine::{Fusion, Strategy};

pub use legs::{GridSet, QuestionLevel};
pub use markdown::grid_markdown;

use crate::evaluation::MeasureResult;
use crate::measure::{Measure, Metric, RequestedMeasure};
use crate::stats::{Bootstrap, PairedComparison, PairedError, compare_paired, mean};

/// The fusions of the grid, as they are written on the command line.
const FUSIONS: [&str; 18] = [
    "rrf:1",
    "rrf:2",
    "rrf:5",
    "rrf:10",
    "rrf:20",
    "rrf:60",
    "minmax:0.3",
    "minmax:0.4",
    "minmax:0.5",
    "minmax:0.6",
    "minmax:0.7",
    "minmax:0.8",
    "dbsf:0.3",
    "dbsf:0.4",
    "dbsf:0.5",
    "dbsf:0.6",
    "dbsf:0.7",
    "dbsf:0.8",
];

/// The depths of the grid: candidates taken from each leg.
const DEPTHS: [usize; 2] = [100, 200];

/// One cell: a fusion at a depth, with its nDCG@10.
#[derive(Clone, Debug, PartialEq)]
pub struct GridCell {
    /// How the legs are fused.
    pub fusion: Fusion,
    /// Candidates of each leg.
    pub depth: usize,
    /// Mean nDCG@10 on each tuning set, in their order.
    pub ndcg: Vec<f64>,
    /// The average of those.
    pub average: f64,
}

/// The best cell against the same fusion at a smaller depth, on a tuning set.
#[derive(Clone, Debug, PartialEq)]
pub struct DepthStep {
    /// The smaller depth.
    pub depth: usize,
    /// The tuning set, by position.
    pub set: usize,
    /// nDCG@10 of the best cell minus that of the shallower one.
    pub best_minus_shallower: PairedComparison,
}

/// The measured grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// All cells, in the grid's order.
    pub cells: Vec<GridCell>,
    /// Which of them is best on average; of equal ones the first.
    pub best: usize,
    /// Which is the choice: the best one's fusion at the smallest depth that is
    /// not worse by more than chance.
    pub chosen: usize,
    /// What that was decided on.
    pub depth_steps: Vec<DepthStep>,
}

impl Grid {
    /// The cell that was chosen.
    pub fn chosen(&self) -> &GridCell {
        &self.cells[self.chosen]
    }
}

/// Measures every cell on every tuning set, and chooses.
///
/// # Errors
/// None in practice: all cells are scored on the same topics.
pub fn measure_grid(tuning: &[GridSet]) -> Result<Grid, PairedError> {
    let fusions: Vec<Fusion> = FUSIONS.iter().filter_map(|name| name.parse().ok()).collect();
    let cells: Vec<GridCell> = DEPTHS
        .into_iter()
        .flat_map(|depth| fusions.iter().map(move |fusion| (*fusion, depth)))
        .map(|(fusion, depth)| {
            let ndcg: Vec<f64> =
                tuning.iter().map(|set| mean(&ndcg_at_10(set, fusion, depth))).collect();
            GridCell { fusion, depth, average: mean(&ndcg), ndcg }
        })
        .collect();
    let mut best = 0;
    for (at, cell) in cells.iter().enumerate() {
        if cell.average > cells[best].average {
            best = at;
        }
    }
    let mut grid = Grid { cells, best, chosen: best, depth_steps: Vec::new() };
    grid.prefer_smaller_depth(tuning)?;
    Ok(grid)
}

impl Grid {
    /// A deeper cut costs every query; it must show a gain on at least one
    /// tuning set whose interval lies above 0.
    fn prefer_smaller_depth(&mut self, tuning: &[GridSet]) -> Result<(), PairedError> {
        let GridCell { fusion, depth, .. } = self.cells[self.best];
        let shallower = |cell: &GridCell| cell.fusion == fusion && cell.depth < depth;
        let candidates = self.cells.iter().enumerate().filter(|(_, cell)| shallower(cell));
        let mut candidates: Vec<(usize, usize)> =
            candidates.map(|(at, cell)| (cell.depth, at)).collect();
        candidates.sort_unstable();
        for (depth_of_candidate, at) in candidates {
            let mut as_good = true;
            for (set, tuned) in tuning.iter().enumerate() {
                let best_minus_shallower = compare_paired(
                    &ndcg_at_10(tuned, fusion, depth_of_candidate),
                    &ndcg_at_10(tuned, fusion, depth),
                    &Bootstrap::DEFAULT,
                )?;
                as_good &= best_minus_shallower.interval.low <= 0.0;
                self.depth_steps.push(DepthStep {
                    depth: depth_of_candidate,
                    set,
                    best_minus_shallower,
                });
            }
            if as_good {
                self.chosen = at;
                break;
            }
        }
        Ok(())
    }
}

fn ndcg_at_10(set: &GridSet, fusion: Fusion, depth: usize) -> Vec<f64> {
    let measure = [Measure::at(Metric::Ndcg, 10).into()];
    let results = set.score(Strategy::Hybrid { fusion }, depth, &measure);
    results.into_iter().flat_map(|result| result.per_topic).collect()
}

/// A system on a set: its figures, and how far the chosen fusion is from it.
#[derive(Clone, Debug)]
pub struct GridRow {
    /// What was searched.
    pub strategy: Strategy,
    /// nDCG@10, R@100 and RR@10.
    pub measures: Vec<MeasureResult>,
    /// The chosen fusion's nDCG@10 minus this system's, on the same topics.
    pub chosen_minus_this: PairedComparison,
}

/// The single legs, reciprocal rank fusion as published, and the chosen cell
/// on a set.
///
/// # Errors
/// None in practice: all systems are scored on the same topics.
pub fn compare_systems(set: &GridSet, chosen: &GridCell) -> Result<Vec<GridRow>, PairedError> {
    let measures: Vec<RequestedMeasure> =
        [(Metric::Ndcg, 10), (Metric::Recall, 100), (Metric::ReciprocalRank, 10)]
            .map(|(metric, cutoff)| Measure::at(metric, cutoff).into())
            .into();
    let best = Strategy::Hybrid { fusion: chosen.fusion };
    let paper = Fusion::ReciprocalRank { k: engine::fusion::RrfK::PAPER };
    let best_measures = set.score(best, chosen.depth, &measures);
    [Strategy::Lexical, Strategy::Dense, Strategy::Hybrid { fusion: paper }, best]
        .into_iter()
        .map(|strategy| {
            let measures = set.score(strategy, chosen.depth, &measures);
            let chosen_minus_this = compare_paired(
                &measures[0].per_topic,
                &best_measures[0].per_topic,
                &Bootstrap::DEFAULT,
            )?;
            Ok(GridRow { strategy, measures, chosen_minus_this })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fusion_of_the_grid_can_be_read() {
        for name in FUSIONS {
            assert_eq!(name.parse::<Fusion>().unwrap().to_string(), name);
        }
    }
}
