//! How often somebody may call: token buckets by address, account and user.

use std::{net::IpAddr, time::Duration};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    config::{Rate, RateConfig},
    problem::Problem,
};

static LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
static REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");

/// A bucket for each key.
pub(crate) struct Buckets<K: std::hash::Hash + Eq + Clone> {
    limiter: RateLimiter<
        K,
        governor::state::keyed::DefaultKeyedStateStore<K>,
        DefaultClock,
        StateInformationMiddleware,
    >,
    burst: u32,
}

/// What is left of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remaining {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
}

impl Remaining {
    /// Tells what is left, unless a narrower bucket has said so already.
    pub(crate) fn tell(self, headers: &mut HeaderMap) {
        if !headers.contains_key(&REMAINING) {
            headers.insert(LIMIT.clone(), HeaderValue::from(self.limit));
            headers.insert(REMAINING.clone(), HeaderValue::from(self.remaining));
        }
    }
}

impl<K: std::hash::Hash + Eq + Clone> Buckets<K> {
    fn new(rate: Rate) -> Self {
        let period = Duration::from_secs(60) / rate.per_minute.get();
        let quota = Quota::with_period(period)
            .unwrap_or_else(|| Quota::per_minute(rate.per_minute))
            .allow_burst(rate.burst);
        let limiter = DefaultKeyedRateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>();
        Self { limiter, burst: rate.burst.get() }
    }

    /// Takes one call out of the key's bucket.
    pub(crate) fn take(&self, key: &K) -> Result<Remaining, Problem> {
        match self.limiter.check_key(key) {
            Ok(snapshot) => {
                Ok(Remaining { limit: self.burst, remaining: snapshot.remaining_burst_capacity() })
            }
            Err(until) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                Err(Problem::too_many(wait.as_secs() + 1)
                    .with_header(LIMIT.clone(), self.burst)
                    .with_header(REMAINING.clone(), 0))
            }
        }
    }

    /// Forgets keys whose buckets are full again.
    fn forget(&self) {
        self.limiter.retain_recent();
    }
}

/// All buckets.
pub(crate) struct Limits {
    pub(crate) address: Buckets<IpAddr>,
    pub(crate) handshakes: Buckets<IpAddr>,
    pub(crate) login_address: Buckets<IpAddr>,
    pub(crate) login_account: Buckets<String>,
    pub(crate) user: Buckets<String>,
    pub(crate) questions: Buckets<String>,
    pub(crate) runs: Buckets<String>,
    pub(crate) joins: Buckets<String>,
}

impl Limits {
    pub(crate) fn new(rates: &RateConfig) -> Self {
        Self {
            address: Buckets::new(rates.address),
            handshakes: Buckets::new(rates.handshakes),
            login_address: Buckets::new(rates.login_address),
            login_account: Buckets::new(rates.login_account),
            user: Buckets::new(rates.user),
            questions: Buckets::new(rates.questions),
            runs: Buckets::new(rates.runs),
            joins: Buckets::new(rates.joins),
        }
    }

    /// Forgets whoever has not called lately, so that memory follows use.
    pub(crate) fn forget(&self) {
        self.address.forget();
        self.handshakes.forget();
        self.login_address.forget();
        self.login_account.forget();
        self.user.forget();
        self.questions.forget();
        self.runs.forget();
        self.joins.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_for_one_key_only_and_says_what_is_left() {
        let buckets = Buckets::new(Rate::new(2, 1));
        assert_eq!(buckets.take(&"ada").unwrap(), Remaining { limit: 2, remaining: 1 });
        assert_eq!(buckets.take(&"ada").unwrap().remaining, 0);
        let refused = buckets.take(&"ada").unwrap_err();
        assert_eq!(refused.status(), 429);
        assert_eq!(buckets.take(&"bob").unwrap().remaining, 1);
    }
}
