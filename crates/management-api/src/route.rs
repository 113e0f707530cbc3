//! One route.

use std::fmt;

use crate::route_id::RouteId;

/// What is asked of a path. `HEAD` and `OPTIONS` are answered from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// To see.
    Get,
    /// To make, or to say something else of it.
    Put,
    /// To do something.
    Post,
    /// To remove.
    Delete,
}

impl Method {
    /// As a request has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }

    /// The method of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Get, Self::Put, Self::Post, Self::Delete]
            .into_iter()
            .find(|method| method.as_str() == name)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who may use a route. All but [`Access::Open`] want a user with one of the tags `management`, `policymaker`,
/// `monitoring` and `administrator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Everybody, without logging in.
    Open,
    /// Every user with a tag. What is shown is what this user may see.
    AnyTag,
    /// A user who has permissions in the virtual host that the path names, or an administrator.
    Vhost,
    /// As [`Access::Vhost`], and whoever may see all virtual hosts: `monitoring`.
    VhostVisible,
    /// The user whose thing it is, or one with the tag `monitoring` or `administrator`.
    Owner,
    /// The user that the path names, or one with the tag `monitoring` or `administrator`.
    Oneself,
    /// `policymaker` in a virtual host where this user has permissions, or `administrator`.
    Policymaker,
    /// `policymaker` or `administrator`.
    GlobalPolicymaker,
    /// `monitoring` or `administrator`.
    Monitoring,
    /// `administrator`.
    Administrator,
}

impl Access {
    /// Who that is, for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Open => "everybody, without logging in",
            Self::AnyTag => "every user with a tag; shows what the user may see",
            Self::Vhost => "users with permissions in the virtual host; administrators",
            Self::VhostVisible => {
                "users with permissions in the virtual host; users with the tag monitoring; administrators"
            }
            Self::Owner => "the user whose it is; users with the tag monitoring; administrators",
            Self::Oneself => {
                "the user that the path names; users with the tag monitoring; administrators"
            }
            Self::Policymaker => {
                "users with the tag policymaker who have permissions in the virtual host; administrators"
            }
            Self::GlobalPolicymaker => "users with the tag policymaker; administrators",
            Self::Monitoring => "users with the tag monitoring; administrators",
            Self::Administrator => "administrators",
        }
    }
}

/// Whether there is something behind a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// Yes, under this name.
    By(RouteId),
    /// RabbitMQ has it, and here it is answered with 501 and this reason.
    NotYet(&'static str),
}

/// One route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// What is asked.
    pub method: Method,
    /// Of which path, behind [`crate::PREFIX`]. A part that begins with `:` may be anything: `/queues/:vhost/:queue`.
    pub path: &'static str,
    /// Who may ask.
    pub access: Access,
    /// Who answers.
    pub served: Served,
    /// What it is for, in a sentence; empty for what is not served.
    pub doc: &'static str,
}

impl Route {
    /// Its name, if it is served.
    pub const fn id(&self) -> Option<RouteId> {
        match self.served {
            Served::By(id) => Some(id),
            Served::NotYet(_) => None,
        }
    }

    /// The parts of its path.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &'static str> {
        self.path.trim_matches('/').split('/')
    }
}

pub(crate) const fn served(
    method: Method,
    path: &'static str,
    access: Access,
    id: RouteId,
    doc: &'static str,
) -> Route {
    Route { method, path, access, served: Served::By(id), doc }
}

pub(crate) const fn not_yet(
    method: Method,
    path: &'static str,
    access: Access,
    reason: &'static str,
) -> Route {
    Route { method, path, access, served: Served::NotYet(reason), doc: "" }
}
