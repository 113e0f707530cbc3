//! What a few runs say together.
//!
//! Told are the median and the range. The median of all runs that could be made lies between the least and the most of
//! `n` of them with a probability of 1 − 2^(1 − n), whatever the distribution: with five runs that is 94 %.

use serde::Serialize;

/// Runs of the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
    pub(super) runs: usize,
}

impl Spread {
    /// The spread of some values; `None` when there are none. Values that are no numbers do not count.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (&least, &most) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            1 => values[middle],
            _ => f64::midpoint(values[middle - 1], values[middle]),
        };
        Some(Self { median, least, most, runs: values.len() })
    }

    /// How many times `others` fits into `ours`, run by run: neighbours in time share the machine's mood. Runs that one
    /// of the two does not have are left out.
    pub(super) fn of_ratios(ours: &[Option<f64>], others: &[Option<f64>]) -> Option<Self> {
        let ratio = |(ours, others): (&Option<f64>, &Option<f64>)| {
            let (ours, others) = ((*ours)?, (*others)?);
            (others > 0.0).then(|| ours / others)
        };
        Self::of(ours.iter().zip(others).filter_map(ratio))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_the_range_around_it() {
        let spread = Spread::of([5.0, 1.0, 3.0]).expect("three values");
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 3.0, 5.0));
        assert_eq!(Spread::of([1.0, 2.0, 4.0, 9.0]).map(|it| it.median), Some(3.0));
        assert_eq!(Spread::of([7.0]).map(|it| (it.least, it.most)), Some((7.0, 7.0)));
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([f64::NAN, 2.0]).map(|it| it.runs), Some(1));
    }

    #[test]
    fn ratios_are_those_of_neighbours() {
        let ours = [Some(10.0), Some(20.0), None, Some(5.0)];
        let others = [Some(1.0), Some(4.0), Some(9.0), Some(0.0)];
        let spread = Spread::of_ratios(&ours, &others).expect("two ratios");
        assert_eq!((spread.least, spread.most, spread.runs), (5.0, 10.0, 2));
    }
}
