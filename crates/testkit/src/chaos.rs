use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// A TCP proxy that misbehaves on demand, between a program under test and a service it depends on.
pub struct ChaosProxy {
    address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    accepting: AbortHandle,
}

/// What happens to connections.
#[derive(Clone, Copy, Debug, Default)]
struct Weather {
    state: State,
    /// How often everything was cut. A connection ends when this is no longer what it was at its start.
    cuts: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Bytes flow.
    #[default]
    Fair,
    /// Connections stay open, new ones are accepted, and no byte gets through.
    Paused,
    /// New connections are closed at once.
    Down,
}

impl ChaosProxy {
    /// Starts to forward connections to `target`, such as `127.0.0.1:5432`.
    pub async fn start(target: impl Into<String>) -> Self {
        let target = target.into();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port on 127.0.0.1");
        let address = listener.local_addr().expect("a bound listener has an address");
        let weather = Arc::new(watch::Sender::new(Weather::default()));
        let accepting = tokio::spawn(accept(listener, target, weather.subscribe())).abort_handle();
        Self { address, weather, accepting }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `url` with the proxy's host and port in the place of the service's.
    pub fn url(&self, url: &str) -> String {
        let start = url.find("://").map_or(0, |at| at + 3);
        let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
        let host = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
        format!("{}{}{}", &url[..host], self.address, &url[end..])
    }

    /// Cuts every open connection and refuses new ones, as a dead service does.
    pub fn cut(&self) {
        self.change(State::Down, true);
    }

    /// Cuts every open connection; new ones work.
    pub fn cut_once(&self) {
        self.change(State::Fair, true);
    }

    /// Lets no more bytes through and keeps the connections open, as a hanging service does.
    pub fn pause(&self) {
        self.change(State::Paused, false);
    }

    /// Lets everything through again.
    pub fn restore(&self) {
        self.change(State::Fair, false);
    }

    fn change(&self, state: State, cut: bool) {
        self.weather.send_modify(|weather| {
            weather.state = state;
            weather.cuts += u64::from(cut);
        });
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, target: String, weather: watch::Receiver<Weather>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        let now = *weather.borrow();
        if now.state != State::Down {
            connections.spawn(forward(client, target.clone(), weather.clone(), now.cuts));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Carries one connection's bytes until it is closed or cut. Dropping both streams closes both sides.
async fn forward(client: TcpStream, target: String, mut weather: watch::Receiver<Weather>, cuts: u64) {
    let Ok(service) = TcpStream::connect(target).await else { return };
    let (client_read, client_write) = client.into_split();
    let (service_read, service_write) = service.into_split();
    let flow = weather.clone();
    let carried = async {
        tokio::join!(carry(client_read, service_write, flow.clone()), carry(service_read, client_write, flow))
    };
    tokio::select! {
        _ = carried => {}
        _ = weather.wait_for(|now| now.cuts != cuts) => {}
    }
}

/// Copies one direction; what was read during a pause is written after it.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut weather: watch::Receiver<Weather>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else { return };
        if weather.wait_for(|now| now.state == State::Fair).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// A service that answers every byte with the same byte.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.into_split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        address
    }

    async fn answers(stream: &mut TcpStream) -> bool {
        let mut byte = [0];
        stream.write_all(b"x").await.is_ok() && matches!(stream.read(&mut byte).await, Ok(1))
    }

    #[tokio::test]
    async fn connections_are_cut_refused_and_restored() {
        let proxy = ChaosProxy::start(echo().await.to_string()).await;
        let mut early = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(answers(&mut early).await);
        proxy.cut();
        assert!(!answers(&mut early).await);
        let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(!answers(&mut refused).await);
        proxy.restore();
        let mut late = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(answers(&mut late).await);
        proxy.cut_once();
        assert!(!answers(&mut late).await);
        let mut latest = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(answers(&mut latest).await);
    }

    #[tokio::test]
    async fn a_pause_holds_bytes_back_and_loses_none() {
        let proxy = ChaosProxy::start(echo().await.to_string()).await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(answers(&mut stream).await);
        proxy.pause();
        stream.write_all(b"y").await.unwrap();
        let mut byte = [0];
        let held = timeout(Duration::from_millis(100), stream.read(&mut byte)).await;
        assert!(held.is_err(), "a byte got through a paused proxy");
        proxy.restore();
        stream.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"y");
    }

    #[tokio::test]
    async fn urls_lead_through_the_proxy() {
        let proxy = ChaosProxy::start("127.0.0.1:1").await;
        let address = proxy.address();
        assert_eq!(proxy.url("postgres://u:p@h:5/d?x=y"), format!("postgres://u:p@{address}/d?x=y"));
        assert_eq!(proxy.url("http://h:5"), format!("http://{address}"));
    }
}
