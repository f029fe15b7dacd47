//! Serving over TCP: HTTP/1.1 with kept connections, limits on what a client may hold, and a shutdown that loses
//! no request.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::host::SpinHost;

/// From a connection's start, or the end of a response, to the end of the next request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);
/// The request line and all headers.
const HEADER_BYTES: usize = 64 * 1024;
/// The longest the shutdown waits for requests in flight.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause after the system refused a connection (no file descriptors left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl SpinHost {
    /// Answers every connection until `shutdown` resolves, then finishes the requests in flight, for at most 30 s.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let room = Arc::new(Semaphore::new(self.connections()));
        let (stop, stopping) = watch::channel(());
        let mut open = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = async {
                // A client beyond the limit waits in the listener's backlog.
                let place = room.clone().acquire_owned().await;
                (listener.accept().await, place)
            };
            tokio::select! {
                () = &mut shutdown => break,
                // Reaps what has ended, so that the set does not grow.
                Some(_) = open.join_next(), if !open.is_empty() => {}
                (connection, place) = accepted => match connection {
                    Ok((stream, client)) => {
                        let connection = serve_connection(self.clone(), stream, client, stopping.clone());
                        open.spawn(async move {
                            let _place = place;
                            connection.await;
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        }
        drop(listener);
        drop(stop);
        let drained = async { while open.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_err() {
            tracing::warn!("requests in flight did not end in time and are cut off");
        }
    }
}

async fn serve_connection(
    host: SpinHost,
    stream: TcpStream,
    client: SocketAddr,
    mut stopping: watch::Receiver<()>,
) {
    // Without it an answer in two writes waits for the client's delayed acknowledgement, 40 ms and more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    let service = service_fn(move |request: http::Request<Incoming>| {
        let host = host.clone();
        async move { Ok::<_, Infallible>(host.call_from(request, client).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service)
    );
    let result = tokio::select! {
        result = connection.as_mut() => result,
        // The sender is dropped when the host stops.
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%client, "a connection ended early: {error:?}");
    }
}
