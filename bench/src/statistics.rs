//! Medians and quartiles.
#![forbid(unsafe_code)]

/// The middle of some figures, and the range that half of them are in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Summary {
    /// The summary of some figures, `None` if there are none.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        Some(Self {
            low: quantile(&figures, 0.25)?,
            median: quantile(&figures, 0.5)?,
            high: quantile(&figures, 0.75)?,
        })
    }
}

/// What a part of the sorted figures is below; between two figures it is
/// interpolated.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let place = sorted.len().checked_sub(1)? as f64 * part;
    let below = sorted[place.floor() as usize];
    let above = sorted[place.ceil() as usize];
    Some(below + (above - below) * place.fract())
}

#[cfg(test)]
mod tests {
    use super::Summary;

    #[test]
    fn the_order_does_not_matter() {
        let summary = Summary::of([5.0, 1.0, 4.0, 2.0, 3.0]).unwrap();
        assert_eq!((summary.low, summary.median, summary.high), (2.0, 3.0, 4.0));
    }

    #[test]
    fn between_two_figures_it_is_interpolated() {
        let summary = Summary::of([1.0, 2.0]).unwrap();
        assert_eq!(
            (summary.low, summary.median, summary.high),
            (1.25, 1.5, 1.75)
        );
    }

    #[test]
    fn one_figure_is_its_own_summary_and_none_have_none() {
        assert_eq!(Summary::of([7.0]).unwrap().median, 7.0);
        assert_eq!(Summary::of([]), None);
    }
}
