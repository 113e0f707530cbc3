//! A panic ends the process, and what it says is the last thing in the log. This shows that whatever holds a secret can be
//! in its message: a process of its own really panics, with all of it in its hands.

use std::env;
use std::process::Command;

use auth::{Claim, Credentials, Logins, Rules, Said, Secret, Whence};
use config::Config;
use message::Name;
use metadata::{Change, Definitions, Hashing, User};
use proto_amqp091::{Founder, Limits, Settings};
use stdx::Time;

/// Tells the process of its own apart.
const VARIABLE: &str = "LEVERET_TEST_PANICS";
const SECRET: &str = "kanari-panic-zwitschert";
/// As bytes of a list would be shown.
const SECRET_BYTES: &str = "107, 97, 110, 97, 114, 105";

fn configured() -> Config {
    let text = format!(
        "default_pass = {SECRET}\nanonymous_login_user = a\nanonymous_login_pass = {SECRET}\n\
         default_users.more.password = {SECRET}\n"
    );
    let source = config::Source { name: "test.conf", text: &text };
    config::parse(&[source], &[], &config::Surroundings::NONE).expect("it is right").0
}

fn credentials() -> Credentials {
    Credentials { user: b"ann".to_vec(), password: SECRET.as_bytes().to_vec() }
}

/// Everything that is made of what people log in with, as it is shown.
fn all_that_holds_a_secret() -> Vec<String> {
    let user = User {
        name: Name::fixed("ann"),
        password_hash: SECRET.to_owned(),
        hashing: Hashing::Argon2id,
        tags: Vec::new(),
    };
    let address = format!("amqp://u:{SECRET}@h");
    let parameter = Change::SetParameter {
        vhost: Name::fixed("/"),
        component: "shovel".to_owned(),
        name: "s".to_owned(),
        value: address.clone().into(),
    };
    let global = Change::SetGlobalParameter { name: "g".to_owned(), value: address.into() };
    let changes = [Change::SetUser(user), parameter, global];
    let mut definitions = Definitions::new();
    changes.iter().for_each(|change| definitions.apply(change));
    let rules = Rules { anonymous: Some(credentials()), ..Rules::default() };
    let logins = Logins::new(rules, Secret::new(*b"kanarienvogel zwitschert im wald"));
    let whence = Whence::of_peer("127.0.0.1:5", true);
    let said = logins.ask(Claim::Password(credentials()), whence, &definitions, Time::ZERO);
    assert!(matches!(said, Said::Asked(_)), "the password is within");
    let mut settings =
        Settings::new(Limits::default(), Vec::new(), "a", Secret::new([1; Secret::BYTES]));
    settings.founder = Some(Founder { credentials: credentials(), ..Founder::default() });
    vec![
        format!("{:?}", configured()),
        format!("{:?}", credentials()),
        format!("{:?}", Claim::Password(credentials())),
        format!("{changes:?}"),
        format!("{definitions:?}"),
        format!("{logins:?} {said:?}"),
        format!("{settings:?}"),
    ]
}

#[test]
fn nothing_that_holds_a_secret_shows_it() {
    for shown in all_that_holds_a_secret() {
        for form in [SECRET, SECRET_BYTES] {
            assert!(!shown.contains(form), "{shown}");
        }
    }
}

#[test]
fn a_panic_tells_where_it_was_and_no_secret() {
    if env::var_os(VARIABLE).is_some() {
        let secrets = (credentials(), configured());
        panic!("all is lost: {:?} {:?} {secrets:?}", all_that_holds_a_secret(), credentials());
    }
    let test = "panics::a_panic_tells_where_it_was_and_no_secret";
    let child = Command::new(env::current_exe().expect("this test"))
        .args([test, "--exact", "--nocapture"])
        .env(VARIABLE, "1")
        .env("RUST_BACKTRACE", "full")
        .env("RABBITMQ_DEFAULT_PASS", SECRET)
        .output()
        .expect("it starts");
    assert!(!child.status.success(), "it panics");
    let said = [child.stdout, child.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    for word in ["panicked at crates/server/src/panics.rs:", "all is lost", "stack backtrace:"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    for form in [SECRET, SECRET_BYTES] {
        assert!(!said.contains(form), "{said}");
    }
}
