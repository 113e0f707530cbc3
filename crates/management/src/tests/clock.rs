//! The API goes by the clock of the node.

use std::sync::Arc;
use std::time::Duration;

use testkit::{Layout, World};

use super::node;

#[test]
fn a_desk_counts_from_where_the_node_does() {
    let world = World::new(Layout::ALL[0], proto_amqp091::Limits::default());
    let desk = Arc::into_inner(node::desk(world, node::facts())).unwrap();
    let now = tokio::time::Instant::now().into_std();
    let origin = now.checked_sub(Duration::from_secs(5)).unwrap();
    assert!(desk.counting_from(origin).now().millis() >= 5_000);
}
