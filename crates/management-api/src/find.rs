//! From a request to its route.

use percent_encoding::percent_decode_str;

use crate::PREFIX;
use crate::route::{Method, Route};
use crate::routes::routes;

/// The most parts that a path may have; no route has more.
const PARTS_MAX: usize = 16;

/// What the variable parts of a path are, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    /// What stands for the part `:name`, if the route has one.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
    }
}

/// What there is for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A route, and what the variable parts of its path are.
    Route(&'static Route, Parameters),
    /// The path exists for other methods.
    MethodNotAllowed(Vec<Method>),
    /// There is no such path.
    NotFound,
}

/// Finds the route for a method (`None` for one that no route has) and a path, as the request has it: with [`PREFIX`],
/// not decoded, without the query.
pub fn find(method: Option<Method>, path: &str) -> Found {
    let Some(parts) = decoded_parts(path) else { return Found::NotFound };
    let mut allowed = Vec::new();
    // Of several paths that fit, the one that comes first in the table counts, for all methods.
    let mut path_found = None;
    for route in routes() {
        if path_found.is_some_and(|found| found != route.path) {
            continue;
        }
        let Some(parameters) = fit(route, &parts) else { continue };
        path_found = Some(route.path);
        if method == Some(route.method) {
            return Found::Route(route, parameters);
        }
        allowed.push(route.method);
    }
    if allowed.is_empty() { Found::NotFound } else { Found::MethodNotAllowed(allowed) }
}

/// The methods that a path has; none if there is no such path.
pub(crate) fn decoded_parts(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix(PREFIX)?.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let parts: Vec<_> = path.split('/').take(PARTS_MAX).collect();
    // What is no text cannot be the name of anything.
    let decode = |part: &str| percent_decode_str(part).decode_utf8().ok().map(String::from);
    parts.into_iter().map(decode).collect()
}

fn fit(route: &'static Route, parts: &[String]) -> Option<Parameters> {
    let mut parameters = Vec::new();
    let mut given = parts.iter();
    for wanted in route.parts() {
        let part = given.next()?;
        match wanted.strip_prefix(':') {
            Some(name) => parameters.push((name, part.clone())),
            None if wanted == part => {}
            None => return None,
        }
    }
    given.next().is_none().then_some(Parameters(parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(route: &Route) -> String {
        let parts = route.parts().map(|part| if part.starts_with(':') { "%25x%2Fy" } else { part });
        format!("{PREFIX}/{}", parts.collect::<Vec<_>>().join("/"))
    }

    #[test]
    fn every_route_is_found_under_its_own_path() {
        for route in routes() {
            let Found::Route(found, parameters) = find(Some(route.method), &sample(route)) else {
                panic!("{} {} is not found", route.method, route.path);
            };
            assert_eq!((found.method, found.path), (route.method, route.path));
            assert!(parameters.0.iter().all(|(_, value)| value == "%x/y"));
        }
    }

    #[test]
    fn names_are_decoded_after_the_path_is_cut() {
        let Found::Route(route, parameters) = find(Some(Method::Get), "/api/queues/%2F/a%2Fb")
        else {
            panic!("the route exists");
        };
        assert_eq!(route.path, "/queues/:vhost/:queue");
        assert_eq!(parameters.find("vhost"), Some("/"));
        assert_eq!(parameters.find("queue"), Some("a/b"));
        assert_eq!(parameters.find("exchange"), None);
    }

    #[test]
    fn a_slash_at_the_end_means_nothing() {
        assert!(matches!(find(Some(Method::Get), "/api/queues/"), Found::Route(..)));
    }

    #[test]
    fn what_is_not_there_is_told_from_what_is_not_allowed() {
        assert_eq!(
            find(Some(Method::Post), "/api/whoami"),
            Found::MethodNotAllowed(vec![Method::Get])
        );
        assert_eq!(find(None, "/api/whoami"), Found::MethodNotAllowed(vec![Method::Get]));
        for path in
            ["/api", "/api/nope", "/apiqueues", "/", "", "/api/queues/a/b/c/d/e", "/api/queues/%FF"]
        {
            assert_eq!(find(Some(Method::Get), path), Found::NotFound, "{path}");
        }
    }
}
