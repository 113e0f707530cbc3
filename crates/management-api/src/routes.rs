//! All routes, by area. Of several paths that fit a request, the first counts.

use crate::route::Route;

mod absent;
mod beyond;
mod clients;
mod cluster;
mod health;
mod objects;
mod settings;
mod users;

/// Routes that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// What they are about.
    pub name: &'static str,
    /// The routes.
    pub routes: &'static [Route],
}

/// All areas.
pub const AREAS: &[Area] = &[
    Area { name: "Cluster", routes: cluster::ROUTES },
    Area { name: "Objects", routes: objects::ROUTES },
    Area { name: "Clients", routes: clients::ROUTES },
    Area { name: "Settings", routes: settings::ROUTES },
    Area { name: "Users", routes: users::ROUTES },
    Area { name: "Health checks", routes: health::ROUTES },
    Area { name: "Beyond RabbitMQ", routes: beyond::ROUTES },
    Area { name: "Absent", routes: absent::ROUTES },
];

/// All routes.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    AREAS.iter().flat_map(|area| area.routes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_route_and_no_name_stands_twice() {
        let (mut seen, mut ids) = (BTreeSet::new(), BTreeSet::new());
        for route in routes() {
            assert!(seen.insert((route.method, route.path)), "{} {}", route.method, route.path);
            assert!(route.id().is_none_or(|id| ids.insert(id)), "{:?}", route.id());
            assert_eq!(route.id().is_some(), !route.doc.is_empty(), "{}", route.path);
        }
    }
}
