//! Which traces are recorded: `OTEL_TRACES_SAMPLER` and its argument.

use crate::{config::ConfigError, context::TraceContext};

/// Decides whether a span is recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sampler {
    /// Whether a span with a parent is recorded exactly when the parent is.
    parent_based: bool,
    root: Root,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Root {
    All,
    None,
    /// Traces whose id is below this number, of 2⁶³.
    Below(u64),
}

impl Default for Sampler {
    fn default() -> Self {
        Self { parent_based: true, root: Root::All }
    }
}

impl Sampler {
    /// Reads the variable's value; `argument` is a probability.
    pub(crate) fn read(name: Option<&str>, argument: Option<&str>) -> Result<Self, ConfigError> {
        let Some(name) = name else { return Ok(Self::default()) };
        let (parent_based, kind) = match name.strip_prefix("parentbased_") {
            Some(kind) => (true, kind),
            None => (false, name),
        };
        let root = match kind {
            "always_on" => Root::All,
            "always_off" => Root::None,
            "traceidratio" => Root::Below(threshold(argument)?),
            _ => {
                return Err(ConfigError::new(
                    "OTEL_TRACES_SAMPLER",
                    name,
                    "is none of always_on, always_off, traceidratio and the same after parentbased_",
                ));
            }
        };
        Ok(Self { parent_based, root })
    }

    /// Whether a span of this trace is recorded.
    pub(crate) fn records(self, parent: Option<&TraceContext>, trace_id: u128) -> bool {
        if self.parent_based
            && let Some(parent) = parent
        {
            return parent.sampled;
        }
        match self.root {
            Root::All => true,
            Root::None => false,
            // The lower half of the id is the random one also where the upper half is a time.
            Root::Below(threshold) => (trace_id as u64) >> 1 < threshold,
        }
    }
}

fn threshold(argument: Option<&str>) -> Result<u64, ConfigError> {
    let Some(argument) = argument else { return Ok(1 << 63) };
    match argument.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok((share * (1u64 << 63) as f64) as u64),
        _ => Err(ConfigError::new("OTEL_TRACES_SAMPLER_ARG", argument, "is not a number from 0 to 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::new_trace_id;

    fn parent(sampled: bool) -> TraceContext {
        TraceContext { sampled, ..TraceContext::new_root() }
    }

    #[test]
    fn by_default_roots_are_recorded_and_children_follow_their_parent() {
        let sampler = Sampler::read(None, None).unwrap();
        assert!(sampler.records(None, 1));
        assert!(sampler.records(Some(&parent(true)), 1));
        assert!(!sampler.records(Some(&parent(false)), 1));
    }

    #[test]
    fn a_sampler_without_a_parents_word_decides_itself() {
        assert!(!Sampler::read(Some("always_off"), None).unwrap().records(Some(&parent(true)), 1));
        assert!(Sampler::read(Some("always_on"), None).unwrap().records(Some(&parent(false)), 1));
        let off = Sampler::read(Some("parentbased_always_off"), None).unwrap();
        assert!(off.records(Some(&parent(true)), 1));
        assert!(!off.records(None, 1));
    }

    #[test]
    fn a_ratio_takes_its_share_and_decides_alike_everywhere() {
        let sampler = Sampler::read(Some("parentbased_traceidratio"), Some("0.25")).unwrap();
        let ids: Vec<u128> = (0..10_000).map(|_| new_trace_id()).collect();
        let taken = ids.iter().filter(|id| sampler.records(None, **id)).count();
        assert!((2_200..2_800).contains(&taken), "{taken} of 10000");
        assert!(ids.iter().all(|id| sampler.records(None, *id) == sampler.records(None, *id)));
        let none = Sampler::read(Some("traceidratio"), Some("0")).unwrap();
        assert!(!none.records(None, 1));
        let all = Sampler::read(Some("traceidratio"), None).unwrap();
        assert!(all.records(None, u128::MAX));
    }

    #[test]
    fn what_is_not_a_sampler_is_refused_with_the_choices() {
        let error = Sampler::read(Some("sometimes"), None).unwrap_err().to_string();
        assert!(error.contains("always_on"), "{error}");
        for argument in ["2", "-0.1", "half", "NaN"] {
            assert!(Sampler::read(Some("traceidratio"), Some(argument)).is_err(), "{argument}");
        }
    }
}
