//! A conversation that goes another way than it is written is found, and the line is named.

use testkit::{Layout, Transcript, run};

/// The line and the words of the failure, or `None` when all went as written.
fn failure(steps: &str) -> Option<(usize, String)> {
    let text = format!("# A title.\n{steps}");
    let transcripts = Transcript::parse_all(&text).expect("it can be read");
    let failure = run(&transcripts[0], Layout::ALL[0]).err()?;
    Some((failure.line, failure.to_string()))
}

#[track_caller]
fn assert_fails(steps: &str, line: usize, words: &str) {
    let (at, text) = failure(steps).expect("it goes another way");
    assert_eq!(at, line, "{text}");
    assert!(text.contains(words), "{text}");
}

#[test]
fn what_goes_as_it_is_written_is_no_failure() {
    assert_eq!(failure("C queue.declare queue=q  S queue.declare-ok queue=q\n"), None);
}

#[test]
fn another_method_and_another_value_are_found() {
    assert_fails("C basic.qos  S queue.declare-ok\n", 2, "came: basic.qos-ok");
    assert_fails("C queue.declare queue=q  S queue.declare-ok queue=p\n", 2, "queue is \"q\"");
}

#[test]
fn what_does_not_come_is_found() {
    assert_fails("C basic.publish routing_key=q \"x\"\nS basic.ack\n", 3, "nothing came");
    assert_fails("C basic.qos  S basic.qos-ok  S close\n", 2, "nothing came");
}

#[test]
fn what_is_not_expected_is_found_even_at_the_end() {
    assert_fails("C basic.qos\ntime +1s\n", 2, "not expected: S[1] basic.qos-ok");
    assert_fails("C basic.qos\n", 2, "not expected");
    assert_fails("C basic.qos  S -\n", 2, "basic.qos-ok");
}

#[test]
fn another_body_and_another_property_are_found() {
    let publish = "C queue.declare queue=q  S queue.declare-ok\n\
                   C basic.publish routing_key=q priority=3 \"x\"\n";
    let get = |expected: &str| format!("{publish}C basic.get queue=q  S basic.get-ok {expected}\n");
    assert_eq!(failure(&get("priority=3 \"x\"")), None);
    assert_fails(&get("\"y\""), 4, "the body is \"x\"");
    assert_fails(&get("priority=4"), 4, "priority is 3");
    assert_fails(&get("priority=absent"), 4, "priority is 3");
    assert_fails(&get("headers={a=1}"), 4, "headers is (absent)");
}
