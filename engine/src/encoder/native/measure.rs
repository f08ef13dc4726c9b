//! How close the matrix products come to what the processor can do.

use std::time::Instant;

use super::NativeEncoder;
use super::matrix::{ByteRows, Finish, Linear, padded};

/// Multiplications a second, the model's shapes beside the processor's most.
#[derive(Clone, Debug, PartialEq)]
pub struct ProductRates {
    /// Byte multiplications a second on registers alone, one thread.
    pub peak: f64,
    /// One for each matrix of a layer.
    pub products: Vec<ProductRate>,
}

/// One matrix product's rate, quantised rows in, numbers with bias out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProductRate {
    /// Rows multiplied at once.
    pub rows: usize,
    /// Components of a row.
    pub inputs: usize,
    /// Components of a product.
    pub outputs: usize,
    /// Multiplications a second.
    pub rate: f64,
}

impl ProductRate {
    /// Multiplications of one product.
    fn work(&self) -> f64 {
        (self.rows * self.inputs * self.outputs) as f64
    }
}

impl ProductRates {
    /// The share of the peak over a whole layer: all multiplications by the
    /// time they take, over the peak.
    pub fn share(&self) -> f64 {
        let work: f64 = self.products.iter().map(ProductRate::work).sum();
        let seconds: f64 = self.products.iter().map(|product| product.work() / product.rate).sum();
        work / seconds / self.peak
    }
}

impl NativeEncoder {
    /// Measures the products of the first layer, each the best of `rounds`
    /// alternated with the processor's peak. One thread, under a second for
    /// ten rounds of all-MiniLM-L6-v2.
    ///
    /// # Arguments
    /// * `rows` - rows multiplied at once, at least 1.
    /// * `rounds` - at least 1.
    pub fn measure_products(&self, rows: usize, rounds: usize) -> ProductRates {
        let layer = &self.runner.model.encoder.layers[0];
        let mut cases: Vec<(ProductRate, Case<'_>)> =
            [&layer.qkv, &layer.attended, &layer.widen, &layer.narrow]
                .into_iter()
                .map(|linear| {
                    let (inputs, outputs) = (linear.inputs(), linear.outputs());
                    let rate = ProductRate { rows: rows.max(1), inputs, outputs, rate: 0.0 };
                    (rate, self.case(linear, rows.max(1)))
                })
                .collect();
        let mut peak = 0.0_f64;
        for _ in 0..rounds.max(1) {
            let start = Instant::now();
            let work = self.runner.kernels.busy(200_000);
            peak = peak.max(work as f64 / start.elapsed().as_secs_f64());
            for (product, case) in &mut cases {
                // Enough repetitions for the clock, few enough for a short round.
                let repetitions = (2e8 / product.work()).ceil().max(1.0);
                let start = Instant::now();
                for _ in 0..repetitions as usize {
                    let Case { linear, bytes, out } = case;
                    linear.multiply(self.runner.kernels, bytes, Finish::Store, out);
                }
                let rate = repetitions * product.work() / start.elapsed().as_secs_f64();
                product.rate = product.rate.max(rate);
            }
        }
        ProductRates { peak, products: cases.into_iter().map(|(product, _)| product).collect() }
    }

    fn case<'a>(&self, linear: &'a Linear, rows: usize) -> Case<'a> {
        let mut bytes = ByteRows::default();
        bytes.resize(rows, linear.inputs());
        let row: Vec<f32> = (0..linear.inputs()).map(|at| (at as f32).sin()).collect();
        for at in 0..rows {
            bytes.set(self.runner.kernels, at, &row);
        }
        Case { linear, bytes, out: vec![0.0; rows * padded(linear.outputs())] }
    }
}

struct Case<'a> {
    linear: &'a Linear,
    bytes: ByteRows,
    out: Vec<f32>,
}
