//! Which records of a partition are done: what may be committed is everything before the oldest that is not.

use std::collections::BTreeSet;

/// The records of one partition that were read since it was assigned.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    in_flight: BTreeSet<i64>,
    newest: Option<i64>,
    committed: Option<i64>,
}

impl Tracker {
    /// A record was read and is being handled. False when it was read before: the partition was taken away and
    /// came back, and what is in flight belongs to an earlier time.
    pub(crate) fn started(&mut self, offset: i64) -> bool {
        if self.newest.is_some_and(|newest| offset <= newest) {
            return false;
        }
        self.in_flight.insert(offset);
        self.newest = Some(offset);
        true
    }

    /// A record is of no interest.
    pub(crate) fn passed_over(&mut self, offset: i64) -> bool {
        if self.newest.is_some_and(|newest| offset <= newest) {
            return false;
        }
        self.newest = Some(offset);
        true
    }

    /// A record has been handled.
    pub(crate) fn done(&mut self, offset: i64) {
        self.in_flight.remove(&offset);
    }

    /// The offset up to which, inclusive, everything is done, when it is further than the last commit.
    pub(crate) fn to_commit(&self) -> Option<i64> {
        let done = self.in_flight.first().map_or(self.newest, |oldest| Some(oldest - 1))?;
        (self.committed.is_none_or(|committed| committed < done) && done >= 0).then_some(done)
    }

    /// What [`Self::to_commit`] said is committed.
    pub(crate) fn committed(&mut self, offset: i64) {
        self.committed = self.committed.max(Some(offset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_only_the_contiguous_prefix() {
        let mut tracker = Tracker::default();
        for offset in 10..14 {
            assert!(tracker.started(offset));
        }
        tracker.done(11);
        tracker.done(13);
        assert_eq!(tracker.to_commit(), Some(9));
        tracker.done(10);
        assert_eq!(tracker.to_commit(), Some(11));
        tracker.committed(11);
        assert_eq!(tracker.to_commit(), None);
        tracker.done(12);
        assert_eq!(tracker.to_commit(), Some(13));
    }

    #[test]
    fn what_is_passed_over_moves_on_when_nothing_is_in_flight() {
        let mut tracker = Tracker::default();
        assert!(tracker.passed_over(0));
        assert_eq!(tracker.to_commit(), Some(0));
        assert!(tracker.started(1));
        assert!(tracker.passed_over(2));
        assert_eq!(tracker.to_commit(), Some(0));
        tracker.done(1);
        assert_eq!(tracker.to_commit(), Some(2));
    }

    #[test]
    fn a_record_that_comes_again_is_noticed() {
        let mut tracker = Tracker::default();
        assert!(tracker.started(3));
        assert!(!tracker.started(3));
        assert!(!tracker.started(2));
        assert!(!tracker.passed_over(1));
    }

    proptest::proptest! {
        #[test]
        fn never_commits_past_what_is_in_flight(done in proptest::collection::vec(0i64..50, 0..60)) {
            let mut tracker = Tracker::default();
            for offset in 0..50 { tracker.started(offset); }
            let mut finished = BTreeSet::new();
            for offset in done {
                tracker.done(offset);
                finished.insert(offset);
                let expected = (0..50).take_while(|o| finished.contains(o)).last();
                proptest::prop_assert_eq!(tracker.to_commit(), expected);
            }
        }
    }
}
