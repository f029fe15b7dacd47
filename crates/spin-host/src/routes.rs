//! Which component answers a path: `[[trigger.http]]` by Spin's rules.
//!
//! An exact route wins over a wildcard, a longer prefix over a shorter one, `:name` stands for one segment and a
//! trailing `/...` for the rest of the path, which may be empty.

use std::collections::HashSet;

use learnflow_topology::HttpRoute;

use crate::error::HostError;

/// The routes of an application.
#[derive(Clone, Debug, Default)]
pub struct Router {
    routes: Vec<Route>,
}

#[derive(Clone, Debug)]
struct Route {
    written: String,
    component: String,
    segments: Vec<Segment>,
    wildcard: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Segment {
    Exact(String),
    Named(String),
}

/// A path that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteMatch<'r> {
    /// The component that answers.
    pub component: &'r str,
    /// The route as it is written.
    pub route: &'r str,
    /// The route without a trailing `/...`.
    pub prefix: &'r str,
    /// What the trailing `/...` stands for, with its slashes.
    pub path_info: String,
    /// What each `:name` stands for.
    pub named: Vec<(&'r str, String)>,
}

impl Router {
    /// Reads the routes.
    ///
    /// # Errors
    /// [`HostError::Route`] for one that cannot be understood, or that is there twice.
    pub fn new(routes: &[HttpRoute]) -> Result<Self, HostError> {
        let mut seen = HashSet::new();
        let mut parsed = Vec::with_capacity(routes.len());
        for HttpRoute { route, component } in routes {
            let wrong =
                |problem: &str| HostError::Route { route: route.clone(), problem: problem.to_owned() };
            let parsed_route = Route::parse(route, component).map_err(wrong)?;
            let shape: Vec<_> = parsed_route.segments.iter().map(Segment::shape).collect();
            if !seen.insert((shape, parsed_route.wildcard)) {
                return Err(wrong(
                    "another trigger has the same route, so one of them would never be reached",
                ));
            }
            parsed.push(parsed_route);
        }
        Ok(Self { routes: parsed })
    }

    /// The best route for a path (without its query).
    pub fn find(&self, path: &str) -> Option<RouteMatch<'_>> {
        let segments: Vec<&str> = split(path);
        let best = self.routes.iter().filter(|r| r.matches(&segments)).min_by_key(|r| r.rank())?;
        Some(best.describe(path, &segments))
    }

    /// Every route with its component, in the order of the manifest.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.routes.iter().map(|r| (r.written.as_str(), r.component.as_str()))
    }
}

impl Route {
    fn parse(written: &str, component: &str) -> Result<Self, &'static str> {
        if !written.starts_with('/') {
            return Err("a route starts with /");
        }
        if written.starts_with("/.well-known/spin") {
            return Err("paths below /.well-known/spin belong to the host");
        }
        let (path, wildcard) = match written.strip_suffix("/...") {
            Some(path) => (path, true),
            None => (written, false),
        };
        if path.contains(['*', '?', '#']) || path.contains("...") {
            return Err("only a trailing /... may stand for several segments");
        }
        let segments = split(path)
            .into_iter()
            .map(|segment| match segment.strip_prefix(':') {
                Some("") => Err("a colon must be followed by a name"),
                Some(name) => Ok(Segment::Named(name.to_owned())),
                None => Ok(Segment::Exact(segment.to_owned())),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { written: written.to_owned(), component: component.to_owned(), segments, wildcard })
    }

    fn matches(&self, path: &[&str]) -> bool {
        let long_enough =
            if self.wildcard { path.len() >= self.segments.len() } else { path.len() == self.segments.len() };
        long_enough && self.segments.iter().zip(path).all(|(segment, part)| segment.matches(part))
    }

    /// Smaller is better: at the first difference an exact segment beats a named one, which beats the wildcard.
    fn rank(&self) -> Vec<u8> {
        let mut rank: Vec<u8> =
            self.segments.iter().map(|s| u8::from(matches!(s, Segment::Named(_)))).collect();
        if self.wildcard {
            rank.push(2);
        }
        rank
    }

    fn describe(&self, path: &str, segments: &[&str]) -> RouteMatch<'_> {
        let named = self
            .segments
            .iter()
            .zip(segments)
            .filter_map(|(segment, part)| match segment {
                Segment::Named(name) => Some((name.as_str(), (*part).to_owned())),
                Segment::Exact(_) => None,
            })
            .collect();
        let path_info = if self.wildcard {
            let mut rest: String = segments[self.segments.len()..].iter().flat_map(|s| ["/", s]).collect();
            if path.ends_with('/') {
                rest.push('/');
            }
            rest
        } else {
            String::new()
        };
        RouteMatch {
            component: &self.component,
            route: &self.written,
            prefix: self.written.strip_suffix("/...").unwrap_or(&self.written),
            path_info,
            named,
        }
    }
}

impl Segment {
    fn matches(&self, part: &str) -> bool {
        match self {
            Self::Exact(text) => text == part,
            Self::Named(_) => !part.is_empty(),
        }
    }

    fn shape(&self) -> Option<String> {
        match self {
            Self::Exact(text) => Some(text.clone()),
            Self::Named(_) => None,
        }
    }
}

fn split(path: &str) -> Vec<&str> {
    let path = path.trim_matches('/');
    if path.is_empty() { Vec::new() } else { path.split('/').collect() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn router(routes: &[&str]) -> Router {
        let routes: Vec<_> =
            routes.iter().map(|r| HttpRoute { route: (*r).to_owned(), component: format!("c{r}") }).collect();
        Router::new(&routes).unwrap()
    }

    fn route<'r>(router: &'r Router, path: &str) -> Option<&'r str> {
        router.find(path).map(|found| found.route)
    }

    #[test]
    fn exact_beats_wildcard_and_the_longest_prefix_wins() {
        let r = router(&["/...", "/debug", "/debug/...", "/debug/events", "/debug/deep/..."]);
        assert_eq!(route(&r, "/debug"), Some("/debug"));
        assert_eq!(route(&r, "/debug/"), Some("/debug"));
        assert_eq!(route(&r, "/debug/events"), Some("/debug/events"));
        assert_eq!(route(&r, "/debug/events/x"), Some("/debug/..."));
        assert_eq!(route(&r, "/debug/deep"), Some("/debug/deep/..."));
        assert_eq!(route(&r, "/debugger"), Some("/..."));
        assert_eq!(route(&r, "/"), Some("/..."));
    }

    #[test]
    fn without_a_catch_all_there_may_be_no_route() {
        let r = router(&["/debug/..."]);
        assert_eq!(route(&r, "/debugger/x"), None);
        assert_eq!(route(&r, "/"), None);
        assert_eq!(route(&r, "/debug"), Some("/debug/..."));
    }

    #[test]
    fn path_info_keeps_slashes() {
        let r = router(&["/debug/...", "/exact"]);
        for (path, info) in
            [("/debug", ""), ("/debug/", "/"), ("/debug/a", "/a"), ("/debug/a/b/", "/a/b/"), ("/exact", "")]
        {
            assert_eq!(r.find(path).unwrap().path_info, info, "{path}");
        }
        let found = r.find("/debug/a").unwrap();
        assert_eq!((found.route, found.prefix, found.component), ("/debug/...", "/debug", "c/debug/..."));
    }

    #[test]
    fn named_segments_are_captured() {
        let r = router(&["/turns/:id", "/turns/latest", "/turns/:id/..."]);
        let found = r.find("/turns/42").unwrap();
        assert_eq!((found.route, found.named), ("/turns/:id", vec![("id", "42".to_owned())]));
        assert_eq!(route(&r, "/turns/latest"), Some("/turns/latest"));
        let found = r.find("/turns/42/x/y").unwrap();
        assert_eq!((found.path_info.as_str(), found.named), ("/x/y", vec![("id", "42".to_owned())]));
    }

    #[test]
    fn mistakes_are_refused() {
        let check = |routes: &[&str]| {
            let routes: Vec<_> = routes
                .iter()
                .map(|r| HttpRoute { route: (*r).to_owned(), component: "c".to_owned() })
                .collect();
            Router::new(&routes).map(|_| ()).unwrap_err().to_string()
        };
        assert!(check(&["debug"]).contains("starts with /"));
        assert!(check(&["/a", "/a/"]).contains("another trigger"));
        assert!(check(&["/:a/x", "/:b/x"]).contains("another trigger"));
        assert!(check(&["/a/.../b"]).contains("trailing"));
        assert!(check(&["/a/*"]).contains("trailing"));
        assert!(check(&["/a/:"]).contains("colon"));
        assert!(check(&["/.well-known/spin/health"]).contains("belong to the host"));
    }

    proptest! {
        #[test]
        fn the_order_of_the_manifest_does_not_matter(path in "(/[abc]){0,4}/?", swap in 0usize..5) {
            let mut routes = ["/...", "/a/...", "/a/b", "/a/:x/...", "/b"];
            let before = route(&router(&routes), &path).map(str::to_owned);
            routes.rotate_left(swap);
            prop_assert_eq!(route(&router(&routes), &path).map(str::to_owned), before);
        }

        #[test]
        fn a_catch_all_answers_everything(path in "\\PC*") {
            let r = router(&["/..."]);
            prop_assert!(r.find(&path).is_some());
        }
    }
}
