//! What an index promises when something goes wrong: a process killed at any instant, the
//! power gone, a disk full or read-only, files damaged, swapped or of another version; and
//! that its copies hold what was committed. docs/durability.md says what is promised.
//!
//! One binary for all of them: each would link the engine again.

mod crash;
mod damage;
mod disk;
mod power_loss;
mod snapshot;
mod steps;
#[path = "../support/mod.rs"]
mod support;
