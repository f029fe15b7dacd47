//! What a component sees of a request: an absolute URI and the headers that Spin adds.

use std::net::SocketAddr;

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, request,
    uri::{Authority, PathAndQuery, Scheme},
};

use crate::{problem::Problem, routes::RouteMatch};

/// The scheme of everything that arrives: TLS ends before the host.
const SCHEME: &str = "http";

/// Makes the URI absolute and adds Spin's headers; what the client sent under their names is dropped.
pub(crate) fn prepare(
    parts: &mut request::Parts,
    found: &RouteMatch<'_>,
    client: SocketAddr,
) -> Result<(), Problem> {
    let bad = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, detail);
    let authority = authority(parts)?;
    let path = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let full_url = format!("{SCHEME}://{authority}{path}");

    let added = [
        ("spin-path-info", found.path_info.as_str()),
        ("spin-full-url", &full_url),
        ("spin-matched-route", found.route),
        ("spin-base-path", "/"),
        ("spin-raw-component-route", found.route),
        ("spin-component-route", found.prefix),
        ("spin-client-addr", &client.to_string()),
    ];
    strip_spin_headers(&mut parts.headers);
    for (name, value) in added {
        let value = HeaderValue::from_str(value)
            .map_err(|_| bad("the path has characters that no header can carry"))?;
        parts.headers.insert(HeaderName::from_static(name), value);
    }
    for (name, value) in &found.named {
        let name =
            HeaderName::from_bytes(format!("spin-path-match-{}", name.to_ascii_lowercase()).as_bytes());
        let value = HeaderValue::from_str(value);
        if let (Ok(name), Ok(value)) = (name, value) {
            parts.headers.insert(name, value);
        }
    }

    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(authority);
    uri.path_and_query = Some(path);
    parts.uri = Uri::from_parts(uri).map_err(|_| bad("the request's URI is malformed"))?;
    Ok(())
}

/// The authority of the URI or of the Host header; two that differ are refused.
fn authority(parts: &request::Parts) -> Result<Authority, Problem> {
    let bad = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, detail);
    let from_header = match parts.headers.get(header::HOST) {
        Some(value) => Some(
            value
                .to_str()
                .ok()
                .and_then(|text| text.parse::<Authority>().ok())
                .ok_or_else(|| bad("the Host header is malformed"))?,
        ),
        None => None,
    };
    match (parts.uri.authority().cloned(), from_header) {
        (Some(uri), Some(header)) if uri != header => {
            Err(bad("the Host header and the request's URI name different hosts"))
        }
        (Some(authority), _) | (None, Some(authority)) => Ok(authority),
        (None, None) => Err(bad("the request has no Host header")),
    }
}

/// A client must not be able to claim what the host knows better.
fn strip_spin_headers(headers: &mut HeaderMap) {
    let claimed: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with("spin-")).cloned().collect();
    for name in claimed {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use learnflow_topology::HttpRoute;

    use super::*;
    use crate::routes::Router;

    fn prepared(request: http::request::Builder) -> Result<request::Parts, Problem> {
        let routes = [HttpRoute { route: "/turns/:id/...".to_owned(), component: "c".to_owned() }];
        let router = Router::new(&routes).unwrap();
        let mut parts = request.body(()).unwrap().into_parts().0;
        let path = parts.uri.path().to_owned();
        prepare(&mut parts, &router.find(&path).unwrap(), "192.0.2.7:4711".parse().unwrap())?;
        Ok(parts)
    }

    #[test]
    fn the_guest_sees_what_spin_would_show() {
        let parts = prepared(
            Request::get("/turns/7/x/?q=1").header("host", "h:8080").header("spin-client-addr", "liar"),
        )
        .unwrap();
        assert_eq!(parts.uri, "http://h:8080/turns/7/x/?q=1");
        for (name, value) in [
            ("spin-path-info", "/x/"),
            ("spin-full-url", "http://h:8080/turns/7/x/?q=1"),
            ("spin-matched-route", "/turns/:id/..."),
            ("spin-base-path", "/"),
            ("spin-raw-component-route", "/turns/:id/..."),
            ("spin-component-route", "/turns/:id"),
            ("spin-client-addr", "192.0.2.7:4711"),
            ("spin-path-match-id", "7"),
        ] {
            assert_eq!(parts.headers.get(name).unwrap(), value, "{name}");
        }
    }

    #[test]
    fn an_ambiguous_or_missing_host_is_a_bad_request() {
        let status = |request| prepared(request).unwrap_err().status;
        assert_eq!(status(Request::get("/turns/7")), StatusCode::BAD_REQUEST);
        assert_eq!(status(Request::get("/turns/7").header("host", "a b")), StatusCode::BAD_REQUEST);
        assert_eq!(status(Request::get("http://a/turns/7").header("host", "b")), StatusCode::BAD_REQUEST);
    }
}
