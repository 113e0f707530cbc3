//! Bodies of requests, and who holds places for them or for metrics.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::body::{Body, Frame};
use tokio::sync::Semaphore;

use super::{Node, runtime};
use crate::login::Origin;
use crate::serving::respond;

/// A body that begins, and then nothing comes. `None` is one that must not be looked at.
struct Dripping(Option<Bytes>);

impl Body for Dripping {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.0.as_mut().expect("nobody reads the body");
        if piece.is_empty() {
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Frame::data(std::mem::take(piece)))))
    }
}

#[test]
fn no_body_is_read_of_strangers_and_where_none_is_taken() {
    let node = Node::new();
    runtime().block_on(async {
        let places = Semaphore::new(1);
        let stranger = Origin::Tcp(([127, 0, 0, 1], 40_000).into());
        for (origin, method, path, expected) in [
            (stranger, "GET", "/version", 200),
            (stranger, "GET", "/auth/hash_password/x", 401),
            (stranger, "PUT", "/queues/%2F/q", 401),
            (stranger, "POST", "/login", 501),
            (Origin::Local, "GET", "/overview", 200),
            (Origin::Local, "DELETE", "/queues/%2F/none", 404),
        ] {
            let request = Request::builder().method(method).uri(format!("/api{path}"));
            let request = request.body(Dripping(None)).unwrap();
            let response = respond(request, origin, Arc::clone(&node.desk), &places).await;
            assert_eq!(response.status(), expected, "{method} {path}");
        }
    });
}

#[test]
fn a_body_that_drips_has_no_place_among_the_large_ones() {
    let node = Node::new();
    runtime().block_on(async {
        let places = Arc::new(Semaphore::new(1));
        let request = Request::put("/api/queues/%2F/slow");
        // Nothing is said of its length, which could be anything.
        let request = request.body(Dripping(Some(Bytes::from_static(b"{")))).unwrap();
        let (desk, bodies) = (Arc::clone(&node.desk), Arc::clone(&places));
        let dripping =
            tokio::spawn(async move { respond(request, Origin::Local, desk, &bodies).await });
        tokio::task::yield_now().await;
        let large = format!("{{\"durable\":true{}}}", " ".repeat(1 << 20));
        let request = Request::put("/api/queues/%2F/q").body(Full::new(Bytes::from(large)));
        let response =
            respond(request.unwrap(), Origin::Local, Arc::clone(&node.desk), &places).await;
        assert_eq!(response.status(), 201);
        assert!(!dripping.is_finished());
        dripping.abort();
    });
}

#[test]
fn metrics_that_nobody_takes_keep_their_place_until_they_are_dropped() {
    let node = Node::new();
    runtime().block_on(async {
        let free = || node.desk.scrape_places.available_permits();
        let most = free();
        let request = Request::get("/metrics").body(Full::new(Bytes::new())).unwrap();
        let places = Semaphore::new(1);
        let response = respond(request, Origin::Local, Arc::clone(&node.desk), &places).await;
        assert_eq!((response.status().as_u16(), free()), (200, most - 1));
        drop(response);
        assert_eq!(free(), most);
    });
}
