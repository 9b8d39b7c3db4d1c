//! How unlike the others a whole session is: order, foreign steps, amounts and kinds together.
//!
//! Each view is told in spreads from what is usual **for sessions of that size**
//! ([`Conditional`]), the spreads are added up, and the sum is calibrated by conformal p-values.
//! All of it is cross-fitted: a training session is scored by a model that has not seen it, so a
//! threshold needs no label and no test data.

use crate::conformal::{Conditional, Sized, Tail, cross_fit};
use crate::prototype::Prototypes;
use crate::sequence::{BackOff, SequenceConfig};
use crate::witness::Source;

/// Parts into which the training sessions are dealt.
const FOLDS: usize = 5;
/// A view that is lower than usual counts no more than this for the session: what is
/// inconspicuous in one view must not hide what stands out in another.
const CREDIT_MAX: f64 = -1.0;
/// The scale of the tail of scores at least, in spreads.
const SCALE_MIN: f64 = 0.25;
/// The one baseline of a session model.
const KEY: u64 = 1;

/// The views of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The mean surprise.
    Mean,
    /// The most surprising twentieth.
    Top,
    /// The most surprising stretch.
    Window,
    /// The share of foreign steps.
    Foreign,
    /// The distance by amounts.
    Amounts,
    /// The distance by kinds.
    Kinds,
}

impl View {
    /// Every view.
    pub const ALL: [Self; 6] =
        [Self::Mean, Self::Top, Self::Window, Self::Foreign, Self::Amounts, Self::Kinds];
}

/// How sessions are judged.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The next-event model, and the rule of admission.
    pub sequence: SequenceConfig,
    /// The views that are added up.
    pub views: Vec<View>,
    /// Whether sessions are compared with those of their size, or with all.
    pub by_size: bool,
}

impl Default for SessionConfig {
    fn default() -> Self {
        let views = vec![View::Foreign, View::Kinds];
        Self { sequence: SequenceConfig::default(), views, by_size: true }
    }
}

/// A training session and where it was seen.
pub type Sourced = (Vec<u32>, Source);

/// What the views are read from.
struct Model {
    sequence: BackOff,
    prototypes: Prototypes,
}

impl Model {
    fn train(config: &SessionConfig, sessions: &[&Sourced]) -> Self {
        let SequenceConfig { admission, role_hosts, .. } = config.sequence;
        let mut model = Self {
            sequence: BackOff::new(config.sequence),
            prototypes: Prototypes::new(admission, role_hosts),
        };
        for (symbols, source) in sessions {
            model.sequence.learn(KEY, symbols, *source);
            model.prototypes.learn(symbols, *source);
        }
        model.prototypes.settle();
        model
    }

    fn views(&self, session: &[u32]) -> [f64; 6] {
        let order = self.sequence.score(&[KEY], session);
        let distance = self.prototypes.distance(session);
        [order.mean, order.top, order.window, order.foreign, distance.amounts, distance.kinds]
    }
}

/// The order, of several, under which training sessions surprise a model of the others least. It
/// is asked of the training sessions alone, so no label and no test data are in the choice.
pub fn least_surprised(config: &SessionConfig, orders: &[usize], sessions: &[Sourced]) -> usize {
    let places: Vec<usize> = (0..sessions.len()).collect();
    let surprise = |order: usize| -> f64 {
        let sequence = SequenceConfig { order, ..config.sequence };
        let train = |rest: &[&usize]| {
            let mut model = BackOff::new(sequence);
            for (symbols, source) in rest.iter().filter_map(|at| sessions.get(**at)) {
                model.learn(KEY, symbols, *source);
            }
            model
        };
        let score = |model: &BackOff, at: &usize| {
            sessions.get(*at).map_or(0.0, |(symbols, _)| model.score(&[KEY], symbols).mean)
        };
        cross_fit(&places, FOLDS, |at, _| at, train, score).iter().sum()
    };
    let mut measured: Vec<(f64, usize)> =
        orders.iter().map(|order| (surprise(*order), *order)).collect();
    measured.sort_by(|a, b| a.0.total_cmp(&b.0));
    measured.first().map_or(config.sequence.order, |(_, order)| *order)
}

/// A trained and calibrated detector of sessions.
pub struct SessionDetector {
    config: SessionConfig,
    model: Model,
    usual: Conditional<6>,
    /// Cross-fitted scores of the training sessions, sorted.
    calibration: Vec<f64>,
    tail: Option<Tail>,
}

impl SessionDetector {
    /// Trains on sessions that nobody labelled.
    pub fn train(config: SessionConfig, sessions: &[Sourced]) -> Self {
        // A fold is a run of sessions in an order that has nothing to do with where they come from.
        let fold = |at: usize, _: &Sourced| {
            let [byte, ..] = crate::hash::mix(at as u64 + 1).to_le_bytes();
            usize::from(byte)
        };
        let mut views = vec![[0.0; 6]; sessions.len()];
        let places: Vec<usize> = (0..sessions.len()).collect();
        // Cross-fitting hands out one number an item; the views are six, so they go by their place.
        let train = |rest: &[&usize]| {
            let rest: Vec<&Sourced> = rest.iter().filter_map(|at| sessions.get(**at)).collect();
            Model::train(&config, &rest)
        };
        let score = |model: &Model, at: &usize| {
            if let (Some(slot), Some((session, _))) = (views.get_mut(*at), sessions.get(*at)) {
                *slot = model.views(session);
            }
            0.0
        };
        cross_fit(
            &places,
            FOLDS,
            |at, _| sessions.get(at).map_or(0, |s| fold(at, s)),
            train,
            score,
        );
        let measured = sessions.iter().zip(&views).map(|((session, source), scores)| Sized {
            size: size(&config, session),
            source: *source,
            scores: *scores,
        });
        let measured: Vec<Sized<6>> = measured.collect();
        let usual = Conditional::new(measured.clone());
        let all: Vec<&Sourced> = sessions.iter().collect();
        let model = Model::train(&config, &all);
        let (calibration, tail) = (Vec::new(), None);
        let mut detector = Self { config, model, usual, calibration, tail };
        let scored = measured.iter().map(|one| detector.combine(one.size, &one.scores));
        let mut calibration: Vec<f64> = scored.collect();
        calibration.sort_by(f64::total_cmp);
        detector.tail = Tail::of(&calibration, SCALE_MIN);
        detector.calibration = calibration;
        detector
    }

    fn combine(&self, size: [f64; 2], views: &[f64; 6]) -> f64 {
        let deviations = self.usual.deviations(size, views).into_iter().zip(View::ALL);
        let wanted = deviations.filter(|(_, view)| self.config.views.contains(view));
        wanted.map(|(deviation, _)| deviation.max(CREDIT_MAX)).sum()
    }

    /// The score of a session: how many spreads it lies above what is usual, over all views.
    pub fn score(&self, session: &[u32]) -> f64 {
        self.combine(size(&self.config, session), &self.model.views(session))
    }

    /// How often a normal session scores as high.
    pub fn p_value(&self, score: f64) -> f64 {
        Tail::p_value(self.tail.as_ref(), &self.calibration, score)
    }

    /// The cross-fitted scores of the training sessions, from low to high.
    pub fn calibration(&self) -> &[f64] {
        &self.calibration
    }
}

/// Two measures of a session's size: distinct symbols, and the logarithm of its length.
#[expect(clippy::cast_precision_loss, reason = "sessions are bounded")]
fn size(config: &SessionConfig, session: &[u32]) -> [f64; 2] {
    if !config.by_size {
        return [0.0; 2];
    }
    let mut distinct = session.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    [distinct.len() as f64, (session.len() as f64 + 1.0).ln()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sessions of two programs on eight hosts over four days, a little different each time.
    fn sessions() -> Vec<Sourced> {
        (0..400_u32)
            .map(|at| {
                let mut symbols = if at % 2 == 0 { vec![1, 2, 3, 4, 5] } else { vec![1, 7, 7, 8] };
                symbols.extend(vec![9; usize::try_from(at % 5).unwrap()]);
                let source = Source { host: at % 8, day: u16::try_from(at / 100).unwrap() };
                (symbols, source)
            })
            .collect()
    }

    #[test]
    fn another_order_and_another_symbol_stand_out() {
        let config = SessionConfig { views: View::ALL.to_vec(), ..SessionConfig::default() };
        let detector = SessionDetector::train(config, &sessions());
        let p = |session: &[u32]| detector.p_value(detector.score(session));
        assert!(p(&[1, 2, 3, 4, 5, 9]) > 0.05);
        assert!(p(&[5, 4, 3, 2, 1, 9]) < 0.01);
        assert!(p(&[1, 2, 66, 67, 5, 9]) < 0.01);
    }

    #[test]
    fn the_order_is_what_the_sessions_need() {
        // The fourth symbol follows from the first: an order below 3 cannot know it.
        let sessions: Vec<Sourced> = (0..200_u32)
            .map(|at| (vec![at % 2, 5, 5, 10 + at % 2], Source { host: at % 8, day: 1 }))
            .collect();
        let admission = crate::witness::Admission::OPEN;
        let sequence = SequenceConfig { admission, ..SequenceConfig::default() };
        let config = SessionConfig { sequence, ..SessionConfig::default() };
        assert_eq!(least_surprised(&config, &[1, 2, 3], &sessions), 3);
    }

    #[test]
    fn calibration_scores_are_not_those_of_the_training() {
        let detector = SessionDetector::train(SessionConfig::default(), &sessions());
        assert_eq!(detector.calibration().len(), 400);
        assert!(detector.calibration().is_sorted());
    }
}
