use std::panic::Location;
use std::time::{Duration, Instant};

/// How often the condition is looked at.
const POLL: Duration = Duration::from_millis(10);

/// Waits until the condition gives a value, and returns it. Panics at the caller's line when that takes longer
/// than `deadline`.
///
/// ```no_run
/// # async fn example(pool: sqlx::PgPool) {
/// # use std::time::Duration;
/// let text: String = learnflow_testkit::wait_until(Duration::from_secs(10), async || {
///     sqlx::query_scalar("SELECT response_text FROM query_history WHERE status = 'answered'")
///         .fetch_optional(&pool).await.unwrap()
/// }).await;
/// # }
/// ```
#[track_caller]
pub fn wait_until<T>(
    deadline: Duration,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        let started = Instant::now();
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            assert!(started.elapsed() < deadline, "{caller}: the condition did not hold within {deadline:?}");
            tokio::time::sleep(POLL).await;
        }
    }
}
