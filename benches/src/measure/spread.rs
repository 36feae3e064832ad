//! A median, and how far the middle half of the samples is spread around it.

use serde::{Deserialize, Serialize};

/// Quartiles of samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub q1: f64,
    pub median: f64,
    pub q3: f64,
    pub least: f64,
    pub samples: usize,
}

impl Spread {
    /// Returns the quartiles of samples. `None` if there are none.
    pub fn of(mut samples: Vec<f64>) -> Option<Self> {
        samples.retain(|sample| sample.is_finite());
        samples.sort_by(f64::total_cmp);
        let least = *samples.first()?;
        let at = |share: f64| {
            let place = share * (samples.len() - 1) as f64;
            let (below, above) = (samples[place.floor() as usize], samples[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        Some(Self { q1: at(0.25), median: at(0.5), q3: at(0.75), least, samples: samples.len() })
    }

    /// How wide the middle half is, as a share of the median.
    pub fn width(self) -> f64 {
        (self.q3 - self.q1) / self.median
    }

    /// The standard error of the median, as a share of it: for about normal samples, 1.25 times that of the mean, whose
    /// standard deviation is the width of the middle half over 1.35.
    pub fn error(self) -> f64 {
        1.25 * self.width() / 1.35 / (self.samples as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_samples() {
        let spread = Spread::of(vec![4.0, 1.0, 3.0, 2.0]).expect("there are samples");
        assert_eq!((spread.q1, spread.median, spread.q3, spread.least), (1.75, 2.5, 3.25, 1.0));
        assert_eq!(Spread::of(vec![7.0]).map(|spread| (spread.q1, spread.q3)), Some((7.0, 7.0)));
    }

    #[test]
    fn what_is_no_number_is_no_sample() {
        assert_eq!(Spread::of(vec![]), None);
        assert_eq!(Spread::of(vec![f64::NAN, f64::INFINITY]), None);
        assert_eq!(Spread::of(vec![f64::NAN, 2.0]).map(|spread| spread.median), Some(2.0));
    }
}
