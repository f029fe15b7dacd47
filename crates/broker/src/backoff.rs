//! How long to wait before another try.

use std::time::Duration;

use learnflow_topology::graph::{BackoffPolicy, Delivery};

/// The longest pause, whatever the policy or a Retry-After says: Knative's longest timeout.
const LONGEST: Duration = Duration::from_secs(600);

/// The pause before retry `n`, from 1: `d·n` or `d·2^n`, or what the subscriber asked for if that is longer.
pub(crate) fn pause(delivery: &Delivery, n: u32, retry_after: Option<Duration>) -> Duration {
    let factor = match delivery.backoff_policy {
        BackoffPolicy::Linear => n,
        BackoffPolicy::Exponential => 2u32.checked_pow(n).unwrap_or(u32::MAX),
    };
    let planned = delivery.backoff_delay.checked_mul(factor).unwrap_or(LONGEST);
    planned.max(retry_after.unwrap_or_default()).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(backoff_policy: BackoffPolicy) -> Delivery {
        Delivery {
            retry: 5,
            backoff_policy,
            backoff_delay: Duration::from_millis(500),
            timeout: None,
            dead_letter_sink: None,
        }
    }

    fn pauses(policy: BackoffPolicy) -> Vec<u128> {
        (1..=5).map(|n| pause(&delivery(policy), n, None).as_millis()).collect()
    }

    #[test]
    fn grows_as_knative_has_it() {
        assert_eq!(pauses(BackoffPolicy::Linear), [500, 1000, 1500, 2000, 2500]);
        assert_eq!(pauses(BackoffPolicy::Exponential), [1000, 2000, 4000, 8000, 16000]);
    }

    #[test]
    fn retry_after_counts_when_it_is_longer() {
        let linear = delivery(BackoffPolicy::Linear);
        assert_eq!(pause(&linear, 1, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(pause(&linear, 4, Some(Duration::from_secs(1))), Duration::from_secs(2));
    }

    #[test]
    fn has_an_end() {
        assert_eq!(pause(&delivery(BackoffPolicy::Exponential), 900, None), LONGEST);
        assert_eq!(pause(&delivery(BackoffPolicy::Linear), 1, Some(Duration::from_secs(86_400))), LONGEST);
    }
}
