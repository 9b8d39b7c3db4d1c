//! A linear model: one weight for each place of the vector.
//!
//! Trained as a support vector machine with squared hinge loss by dual coordinate descent (Hsieh et
//! al., *A dual coordinate descent method for large-scale linear SVM*, ICML 2008): few lines, no
//! step
//! size, and the same result for the same order of visits. Kept with one byte a weight and one
//! scale for 64 of them.

use super::features::Sparse;

/// Weights that share a scale.
const BLOCK: usize = 64;

/// A text in numbers, with its class and how much it counts.
#[derive(Clone, Debug)]
pub struct Example {
    /// The vector.
    pub features: Sparse,
    /// Whether it is of the class that is looked for.
    pub positive: bool,
    /// How much an error on it costs; 1 is ordinary.
    pub weight: f32,
}

/// A weight for each place, and one for none.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    weights: Vec<f32>,
    bias: f32,
}

impl Linear {
    /// The score of a vector: above 0 speaks for the class.
    pub fn score(&self, features: &[(u32, f32)]) -> f32 {
        features.iter().fold(self.bias, |sum, (place, value)| sum + self.weight(*place) * value)
    }

    /// The weight of a place; 0 for one that does not exist.
    pub fn weight(&self, place: u32) -> f32 {
        usize::try_from(place).ok().and_then(|at| self.weights.get(at)).copied().unwrap_or(0.0)
    }

    /// Trains over the examples; `cost` weighs errors against small weights. `shuffle` gives a
    /// number below its argument, and so the order of visits.
    pub fn train(
        examples: &[Example],
        buckets: usize,
        cost: f32,
        rounds: usize,
        mut shuffle: impl FnMut(usize) -> usize,
    ) -> Self {
        let mut model = Self { weights: vec![0.0; buckets], bias: 0.0 };
        let mut alphas = vec![0.0_f32; examples.len()];
        let mut order: Vec<usize> = (0..examples.len()).collect();
        let squares: Vec<f32> = examples
            .iter()
            .map(|e| 1.0 + e.features.iter().map(|(_, value)| value * value).sum::<f32>())
            .collect();
        for _ in 0..rounds {
            for at in (1..order.len()).rev() {
                order.swap(at, shuffle(at + 1));
            }
            let mut largest = 0.0_f32;
            for &at in &order {
                let (Some(example), Some(alpha), Some(square)) =
                    (examples.get(at), alphas.get_mut(at), squares.get(at))
                else {
                    continue;
                };
                if example.weight <= 0.0 {
                    continue;
                }
                let y = if example.positive { 1.0 } else { -1.0 };
                let ridge = 0.5 / (cost * example.weight);
                let gradient = y * model.score(&example.features) - 1.0 + *alpha * ridge;
                let next = (*alpha - gradient / (square + ridge)).max(0.0);
                let step = (next - *alpha) * y;
                largest = largest.max(step.abs());
                if step != 0.0 {
                    *alpha = next;
                    model.add(&example.features, step);
                }
            }
            if largest < 1e-4 {
                break;
            }
        }
        model
    }

    fn add(&mut self, features: &[(u32, f32)], step: f32) {
        self.bias += step;
        for (place, value) in features {
            let at = usize::try_from(*place).unwrap_or(usize::MAX);
            if let Some(weight) = self.weights.get_mut(at) {
                *weight += step * value;
            }
        }
    }

    /// The weights in bytes: for each block its scale (`f32`, little-endian) and one signed byte a
    /// weight; at the end the bias.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.weights.len() * 17 / 16 + 4);
        for block in self.weights.chunks(BLOCK) {
            let scale = block.iter().fold(0.0_f32, |max, w| max.max(w.abs())) / 127.0;
            bytes.extend(scale.to_le_bytes());
            bytes.extend(block.iter().map(|weight| {
                let steps = if scale > 0.0 { (weight / scale).round() } else { 0.0 };
                #[expect(clippy::cast_possible_truncation, reason = "between -127 and 127")]
                let steps = steps.clamp(-127.0, 127.0) as i8;
                steps.to_le_bytes()[0]
            }));
        }
        bytes.extend(self.bias.to_le_bytes());
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote. `None`: it has not the size of so many weights, or
    /// holds a number that is none.
    pub fn from_bytes(bytes: &[u8], buckets: usize) -> Option<Self> {
        let (body, bias) = bytes.split_last_chunk::<4>()?;
        let mut weights = Vec::with_capacity(buckets);
        for block in body.chunks(BLOCK + 4) {
            let (scale, steps) = block.split_first_chunk::<4>()?;
            let scale = f32::from_le_bytes(*scale);
            weights.extend(steps.iter().map(|b| f32::from(i8::from_le_bytes([*b])) * scale));
        }
        let bias = f32::from_le_bytes(*bias);
        let finite = bias.is_finite() && weights.iter().all(|weight| weight.is_finite());
        (finite && weights.len() == buckets).then_some(Self { weights, bias })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(place: u32, positive: bool) -> Example {
        Example { features: vec![(place, 1.0), (9, 0.5)], positive, weight: 1.0 }
    }

    fn trained() -> Linear {
        let examples = [example(1, true), example(2, false), example(3, true), example(4, false)];
        Linear::train(&examples, 128, 10.0, 100, |below| below / 2)
    }

    #[test]
    fn it_learns_what_separates() {
        let model = trained();
        assert!(model.score(&[(1, 1.0)]) > 0.5 && model.score(&[(3, 1.0)]) > 0.5);
        assert!(model.score(&[(2, 1.0)]) < -0.5 && model.score(&[(4, 1.0)]) < -0.5);
    }

    #[test]
    fn an_example_without_weight_teaches_nothing() {
        let mut examples = [example(1, true), example(2, false), example(1, false)];
        examples[2].weight = 0.0;
        let model = Linear::train(&examples, 16, 10.0, 100, |below| below / 2);
        assert!(model.score(&[(1, 1.0)]) > 0.5);
    }

    #[test]
    fn bytes_keep_the_scores() {
        let model = trained();
        let read = Linear::from_bytes(&model.to_bytes(), 128).unwrap();
        for place in 0..10 {
            let (old, new) = (model.score(&[(place, 1.0)]), read.score(&[(place, 1.0)]));
            assert!((old - new).abs() < 0.02, "{place}: {old} {new}");
        }
        let bytes = model.to_bytes();
        assert!(Linear::from_bytes(&bytes[..bytes.len() - 1], 128).is_none());
        assert!(Linear::from_bytes(&bytes, 64).is_none());
        assert!(Linear::from_bytes(&[], 0).is_none());
    }
}
