//! Requests that a component sends.

use std::{future::poll_fn, pin::pin, task::Poll};

use spin_sdk::{
    http::{IntoRequest, Response},
    wasip3::http::types::ErrorCode,
};

/// Sends a request.
///
/// [`spin_sdk::http::send`] leaves the body to a task that it spawns. wit-bindgen's executor (0.57) begins such a task
/// only at its next turn; while another task of the invocation sleeps (the one that writes a response's body, or
/// the live channel) it takes no further turn by itself, so the body never left, the response never came, and only the
/// timeout's event woke it. Asking for one more turn is all that it needs.
///
/// # Errors
/// As the host reports it.
pub async fn send(request: impl IntoRequest) -> Result<Response, ErrorCode> {
    let mut sending = pin!(spin_sdk::http::send(request));
    let mut asked = false;
    poll_fn(move |context| {
        let polled = sending.as_mut().poll(context);
        if polled.is_pending() && !std::mem::replace(&mut asked, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        polled
    })
    .await
}
