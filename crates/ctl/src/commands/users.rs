//! Users: their names, tags and passwords.

use serde_json::{Value, json};

use crate::call::Call;
use crate::command::{CTL_AND_DIAGNOSTICS, Command, Section, command, switch};
use crate::failure::{Failure, code};
use crate::format::Rows;
use crate::output::Output;
use crate::terms::Cell;

const PRE_HASHED: &str = "the password is given as a hash, in base64, as hash_password makes it";

pub(super) const COMMANDS: &[Command] = &[
    command(
        Section::Users,
        "add_user",
        "<username> [<password>] [<password_hash> --pre-hashed-password]",
        "Creates a user, who has no permissions yet",
        add,
    )
    .takes(1, 2)
    .with(&[switch("pre-hashed-password", PRE_HASHED)])
    .secret()
    .checks(check_hash)
    .says(|call| format!("Adding user \"{}\" ...", call.argument(0))),
    command(
        Section::Users,
        "delete_user",
        "<username>",
        "Deletes a user, with all permissions",
        delete,
    )
    .takes(1, 1)
    .says(|call| format!("Deleting user \"{}\" ...", call.argument(0))),
    command(
        Section::Users,
        "change_password",
        "<username> <password>",
        "Changes a user's password",
        change_password,
    )
    .takes(1, 2)
    .with(&[switch("pre-hashed-password", PRE_HASHED)])
    .secret()
    .checks(check_hash)
    .says(|call| format!("Changing password for user \"{}\" ...", call.argument(0))),
    command(
        Section::Users,
        "clear_password",
        "<username>",
        "Takes a user's password away, so that nobody logs in with one",
        clear_password,
    )
    .takes(1, 1)
    .secret()
    .says(|call| format!("Clearing password for user \"{}\" ...", call.argument(0))),
    command(
        Section::Users,
        "set_user_tags",
        "<username> <tag> [...]",
        "Sets a user's tags; without any, takes them away",
        set_tags,
    )
    .takes(1, usize::MAX)
    .says(|call| {
        format!(
            "Setting tags for user \"{}\" to [{}] ...",
            call.argument(0),
            call.arguments().get(1..).unwrap_or_default().join(", ")
        )
    }),
    command(
        Section::Users,
        "list_users",
        "[--no-table-headers] [--timeout <timeout>]",
        "Lists users and their tags",
        list,
    )
    .of(CTL_AND_DIAGNOSTICS)
    .says(|_| "Listing users ...".to_owned()),
];

fn check_hash(call: &Call<'_>) -> Result<(), Failure> {
    use base64::Engine;
    let is_hash = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).is_ok();
    if call.has("pre-hashed-password") && call.arguments().len() == 2 && !is_hash(call.argument(1))
    {
        return Err(Failure::argument("Could not Base64 decode provided password hash value"));
    }
    Ok(())
}

/// What the API is told of a password: the password, or its hash.
fn password(call: &Call<'_>, code: u8) -> Result<(&'static str, String), Failure> {
    let given = match call.arguments().get(1) {
        Some(password) => password.clone(),
        None => match call.ask("Password")? {
            password if password.is_empty() => {
                return Err(Failure::stated(
                    code,
                    "Password is not provided via argument or stdin",
                ));
            }
            password => password,
        },
    };
    // A user without a password is one with an empty hash.
    let is_hash = call.has("pre-hashed-password") || given.is_empty();
    Ok((if is_hash { "password_hash" } else { "password" }, given))
}

fn add(call: &Call<'_>) -> Result<Output, Failure> {
    let (kind, password) = password(call, code::DATA)?;
    let name = call.argument(0);
    let path = call.path("/users", &[name]);
    if call.server.look(&path)?.is_some() {
        return Err(Failure::stated(code::SOFTWARE, format!("User \"{name}\" already exists")));
    }
    call.server.put(&path, &json!({ kind: password, "tags": "" }))?;
    Ok(Output::Remark(
        "Done. Don't forget to grant the user permissions to some virtual hosts! See 'rabbitmqctl help set_permissions' to learn more.".to_owned(),
    ))
}

fn delete(call: &Call<'_>) -> Result<Output, Failure> {
    // Whoever is not there is as good as deleted, as RabbitMQ has it.
    call.server.remove(&call.path("/users", &[call.argument(0)]), "")?;
    Ok(Output::Nothing)
}

fn tags(user: &Value) -> String {
    match Cell::names(&user["tags"]) {
        Cell::Names(names) => names.join(","),
        _ => String::new(),
    }
}

fn change_password(call: &Call<'_>) -> Result<Output, Failure> {
    let (kind, password) = password(call, code::SOFTWARE)?;
    let name = call.argument(0);
    let user = call.user_or_fail(name)?;
    let path = call.path("/users", &[name]);
    call.server.put(&path, &json!({ kind: password, "tags": tags(&user) }))?;
    Ok(Output::Nothing)
}

fn clear_password(call: &Call<'_>) -> Result<Output, Failure> {
    let name = call.argument(0);
    let user = call.user_or_fail(name).map_err(no_user_is_unavailable)?;
    let path = call.path("/users", &[name]);
    call.server.put(&path, &json!({ "password_hash": "", "tags": tags(&user) }))?;
    Ok(Output::Nothing)
}

/// Some of RabbitMQ's commands end with 69 rather than 67 if there is no such user.
pub(super) fn no_user_is_unavailable(failure: Failure) -> Failure {
    match failure {
        Failure::Stated { code: code::NO_USER, text } => Failure::unavailable(text),
        other => other,
    }
}

fn set_tags(call: &Call<'_>) -> Result<Output, Failure> {
    let name = call.argument(0);
    let user = call.user_or_fail(name)?;
    let tags = call.arguments().get(1..).unwrap_or_default().join(",");
    // The API sets a user whole, so that the hash goes back as it came.
    let body = json!({
        "password_hash": user["password_hash"],
        "hashing_algorithm": user["hashing_algorithm"],
        "tags": tags,
    });
    call.server.put(&call.path("/users", &[name]), &body)?;
    Ok(Output::Nothing)
}

fn list(call: &Call<'_>) -> Result<Output, Failure> {
    let users = call.server.list("/users", "&columns=name,tags")?;
    let rows = users
        .iter()
        .map(|user| vec![Cell::of(&user["name"]), Cell::names(&user["tags"])])
        .collect();
    Ok(Output::Rows(Rows {
        columns: vec!["user".into(), "tags".into()],
        rows,
        is_drawn: false,
        is_line_if_empty: true,
    }))
}
