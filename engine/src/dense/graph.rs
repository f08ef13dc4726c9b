//! The flat neighbourhood graph of one segment, as it is stored.
//!
//! The bottom layer holds every distinct vector with `2 · m` link slots; each
//! higher layer a thinner sample with `m`. A search descends greedily to a
//! start near the query and then walks the bottom layer ([`super::walk`]).
//!
//! Source: Malkov and Yashunin, TPAMI 2020, algorithm 5. Differs: plain arrays
//! in place of objects, similarities of eight-bit codes, and identical vectors
//! stand for each other (`twins`), so that a thousand copies cannot wall off a
//! part of the graph.

use super::quantize::{Codes, MAX_SCALE};
use super::walk::Scratch;

/// Marks an unused link slot and the last twin.
pub(super) const NONE: u32 = u32::MAX;

/// More layers than a graph of 2^31 rows ever has.
pub(super) const MAX_LAYERS: usize = 16;

/// The most rows of a graph: a walk packs a row into 31 bits.
pub(super) const MAX_ROWS: usize = 1 << 31;

/// Links of equally many slots a node, unused slots [`NONE`] at the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links<'a> {
    /// Slots of a node.
    pub(super) width: usize,
    /// `[n, width]`.
    pub(super) slots: &'a [u32],
}

impl<'a> Links<'a> {
    /// The slots of `node`, used and unused.
    #[inline]
    pub(super) fn slots_of(&self, node: u32) -> &'a [u32] {
        &self.slots[node as usize * self.width..][..self.width]
    }

    /// What `node` links to.
    #[inline]
    pub(super) fn of(&self, node: u32) -> impl Iterator<Item = u32> + use<'a> {
        used(self.slots_of(node))
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len() / self.width
    }
}

/// The used ones of a node's link slots.
#[inline]
pub(super) fn used(slots: &[u32]) -> impl Iterator<Item = u32> {
    slots.iter().copied().take_while(|&next| next != NONE)
}

/// A graph over the rows of one segment, read in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct HnswIndex<'a> {
    /// The vectors as the walk sees them.
    pub(super) codes: Codes<'a>,
    /// Link slots of a node in a higher layer; the bottom layer has twice as many.
    pub(super) m: usize,
    /// Where every search begins: a row of the topmost layer.
    pub(super) entry: u32,
    /// `[n, 2 · m]` rows.
    pub(super) links: &'a [u32],
    /// `[n]`: the next row with the same vector, or [`NONE`]. Of twins only the
    /// first is a node of the graph.
    pub(super) twins: &'a [u32],
    /// Number of nodes of each higher layer, from the second layer up.
    pub(super) layer_sizes: &'a [u32],
    /// Rows of the higher layers one after the other, each ascending.
    pub(super) layer_rows: &'a [u32],
    /// `[layer_rows, m]`: positions within the same layer.
    pub(super) layer_links: &'a [u32],
}

/// One higher layer.
#[derive(Clone, Copy)]
struct Layer<'a> {
    rows: &'a [u32],
    links: Links<'a>,
}

impl<'a> HnswIndex<'a> {
    /// Checks everything a walk over `n` rows relies on, so that no file content can make it
    /// read out of bounds or run forever.
    ///
    /// # Errors
    /// What does not hold.
    pub(super) fn check(&self, n: usize) -> Result<(), &'static str> {
        let holds = |condition: bool, what: &'static str| condition.then_some(()).ok_or(what);
        holds(n < MAX_ROWS, "the graph has too many rows")?;
        holds(self.twins.len() == n, "the graph does not fit its chunks")?;
        holds(self.links.len() == n * 2 * self.m, "the graph's links do not fit its rows")?;
        holds(self.codes.scales.len() == n, "the code scales do not fit the rows")?;
        holds(self.codes.values.len() == n * self.codes.dim, "the codes do not fit the rows")?;
        let scales = self.codes.scales.iter().all(|&scale| scale > 0.0 && scale <= MAX_SCALE);
        holds(scales, "a code scale is out of range")?;
        holds(all_in_range(self.links, n), "a link leaves the graph")?;
        // Ascending, so a chain of twins ends.
        let twins = (0_u32..).zip(self.twins).all(|(row, &twin)| twin > row);
        holds(twins && all_in_range(self.twins, n), "a chain of identical rows does not ascend")?;
        let sizes: usize = self.layer_sizes.iter().map(|&size| size as usize).sum();
        holds(sizes == self.layer_rows.len(), "the graph's layers do not add up")?;
        holds(self.layer_links.len() == sizes * self.m, "a layer's links do not fit its rows")?;
        let mut below: Option<Layer<'_>> = None;
        for layer in self.layers() {
            let ascending = layer.rows.is_sorted_by(|a, b| a < b);
            holds(ascending && !layer.rows.is_empty(), "a layer's rows do not ascend")?;
            let nested = match below {
                Some(below) => layer.rows.iter().all(|row| below.rows.binary_search(row).is_ok()),
                None => layer.rows.iter().all(|&row| (row as usize) < n),
            };
            holds(nested, "a layer holds a row that the layer below lacks")?;
            holds(all_in_range(layer.links.slots, layer.rows.len()), "a link leaves its layer")?;
            below = Some(layer);
        }
        let entry = match below {
            Some(top) => top.rows.binary_search(&self.entry).is_ok(),
            None => (self.entry as usize) < n,
        };
        holds(entry, "the entry point is not in the topmost layer")
    }

    /// The links of the bottom layer.
    #[inline]
    pub(super) fn bottom(&self) -> Links<'a> {
        Links { width: 2 * self.m, slots: self.links }
    }

    /// The rows of the second layer, ascending: a sample of all. Without one,
    /// none.
    pub(super) fn second_layer(&self) -> &'a [u32] {
        &self.layer_rows[..self.layer_sizes.first().map_or(0, |&size| size as usize)]
    }

    /// Whether any two rows have the same vector.
    pub(super) fn has_twins(&self) -> bool {
        self.twins.iter().any(|&twin| twin != NONE)
    }

    /// `row` and the rows after it with the same vector, ascending.
    pub(super) fn twins_of(&self, row: u32) -> impl Iterator<Item = u32> + use<'a> {
        let twins = self.twins;
        std::iter::successors(Some(row), move |&row| {
            Some(twins[row as usize]).filter(|&twin| twin != NONE)
        })
    }

    /// Goes greedily from the entry point down to the second layer; the row
    /// where a walk of the bottom layer starts.
    pub(super) fn descend(&self, query: &[i8], scratch: &mut Scratch) -> u32 {
        let mut row = self.entry;
        for layer in self.layers().rev() {
            // `check` saw that layers are nested; a row that is not found would
            // only cost the descent one layer.
            let Ok(at) = layer.rows.binary_search(&row) else { continue };
            let at = scratch
                .greedy(self.codes, query, layer.links, at as u32, |at| layer.rows[at as usize]);
            row = layer.rows[at as usize];
        }
        row
    }

    /// The higher layers, the most populated first.
    fn layers(&self) -> impl DoubleEndedIterator<Item = Layer<'a>> {
        let (rows, links, m) = (self.layer_rows, self.layer_links, self.m);
        let sizes = self.layer_sizes;
        (0..sizes.len()).map(move |at| {
            let from: usize = sizes[..at].iter().map(|&size| size as usize).sum();
            let to = from + sizes[at] as usize;
            let links = Links { width: m, slots: &links[from * m..to * m] };
            Layer { rows: &rows[from..to], links }
        })
    }
}

/// Whether every entry is below `limit` or unused. Without an early end, so that
/// it runs at the speed of memory: opening reads all links.
fn all_in_range(entries: &[u32], limit: usize) -> bool {
    // An unused entry becomes 0, the others one more than they are.
    entries.iter().fold(true, |all, &at| all & (at.wrapping_add(1) as usize <= limit))
}
