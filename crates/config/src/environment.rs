//! The environment variables that RabbitMQ and its official container image know, as settings.

use crate::option::matches;
use crate::problem::{Notice, Place, Problem, What};
use crate::suggest;
use crate::surroundings::Surroundings;
use crate::syntax::Setting;

/// A variable that stands for an option, under its name without `RABBITMQ_`.
#[derive(Clone, Copy, Debug)]
struct Variable {
    name: &'static str,
    /// What it does, for the page of documentation.
    doc: &'static str,
    meaning: Meaning,
}

/// The values of some options, or what is wrong with a variable.
type Values = Result<Vec<(&'static str, String)>, &'static str>;

#[derive(Clone, Copy, Debug)]
enum Meaning {
    /// Its value is the value of this option.
    Option(&'static str),
    /// It names a file that holds the value of this option.
    File(&'static str),
    /// It takes more than one option.
    Settings(fn(&str, &Surroundings<'_>) -> Values),
    /// The shell looks at it, before there is any configuration.
    Shell,
    /// It has no effect, for this reason.
    Nothing(&'static str),
    /// It is not understood any more, by RabbitMQ's image neither; this is what to do.
    Gone(&'static str),
}

const ERLANG: &str = "it is for the Erlang runtime, which is not here; options in it, like `-rabbit consumer_timeout …`, \
                      belong into rabbitmq.conf";
const CLUSTER: &str = "this is the only node: clusters come later";
const SSL_GONE: &str = "set the options ssl_options.* or management.ssl.* in rabbitmq.conf";

const fn is(name: &'static str, doc: &'static str, meaning: Meaning) -> Variable {
    Variable { name, doc, meaning }
}

const fn nothing(name: &'static str, reason: &'static str) -> Variable {
    is(name, "", Meaning::Nothing(reason))
}

const VARIABLES: &[Variable] = &[
    is("DEFAULT_USER", "The user of a fresh broker.", Meaning::Option("default_user")),
    is("DEFAULT_PASS", "Its password.", Meaning::Option("default_pass")),
    is("DEFAULT_VHOST", "The virtual host of a fresh broker.", Meaning::Option("default_vhost")),
    is("DEFAULT_USER_FILE", "A file that holds the user's name.", Meaning::File("default_user")),
    is("DEFAULT_PASS_FILE", "A file that holds its password.", Meaning::File("default_pass")),
    is("DEFAULT_VHOST_FILE", "A file that holds the name.", Meaning::File("default_vhost")),
    is("NODE_PORT", "The port of AMQP.", Meaning::Settings(amqp_listener)),
    is("NODE_IP_ADDRESS", "The address of AMQP.", Meaning::Settings(amqp_listener)),
    is("NODENAME", "What the node is called.", Meaning::Option("leveret.node_name")),
    is("CLUSTER_NAME", "What the broker is called.", Meaning::Option("cluster_name")),
    is("MNESIA_DIR", "The directory for everything.", Meaning::Option("leveret.data_dir")),
    is(
        "MNESIA_BASE",
        "The directory in which the data directory `leveret` is.",
        Meaning::Settings(|value, world| {
            let is_overridden = (world.variable)("RABBITMQ_MNESIA_DIR").is_some();
            let path = format!("{}/leveret", value.trim_end_matches('/'));
            Ok(if is_overridden { vec![] } else { vec![("leveret.data_dir", path)] })
        }),
    ),
    is("LOG_BASE", "The directory of the log file.", Meaning::Option("log.dir")),
    is("LOGS", "The log file; `-` for the console.", Meaning::Settings(log_file)),
    is(
        "LOG",
        "Levels of the log: `debug`, or `connection=debug,queue=warning`; `+json` for JSON.",
        Meaning::Settings(log_levels),
    ),
    is("CONFIG_FILE", "The configuration file, unless `--config` names one.", Meaning::Shell),
    is("CONFIG_FILES", "A directory, or a pattern like `conf.d/*.conf`.", Meaning::Shell),
    is("CONF_ENV_FILE", "A file of such variables.", Meaning::Shell),
    is(
        "ENABLED_PLUGINS_FILE",
        "A file that lists plugins: the HTTP API and metrics are served if theirs are among them.",
        Meaning::Settings(|path, world| match (world.files)("", path) {
            Ok(files) if !files.is_empty() => Ok(plugins(&files[0].1)),
            // RabbitMQ takes a file that is not there for an empty one; then nobody could look at the broker.
            _ => Ok(vec![]),
        }),
    ),
    is(
        "ENABLED_PLUGINS",
        "The same list, with commas.",
        Meaning::Settings(|value, _| Ok(plugins(value))),
    ),
    is(
        "ADVANCED_CONFIG_FILE",
        "",
        Meaning::Gone(
            "it is a program in Erlang: write its options into rabbitmq.conf, and unset this",
        ),
    ),
    nothing("DIST_PORT", CLUSTER),
    nothing("ERLANG_COOKIE", CLUSTER),
    nothing("USE_LONGNAME", CLUSTER),
    nothing("FEATURE_FLAGS", "there are no feature flags to switch"),
    nothing("FORCED_FEATURE_FLAGS_ON_INIT", "there are no feature flags to switch"),
    nothing("FEATURE_FLAGS_FILE", "there are no feature flags to switch"),
    nothing("PLUGINS_DIR", "there are no plugins: what is there is built in"),
    nothing("PLUGINS_EXPAND_DIR", "there are no plugins: what is there is built in"),
    nothing("KEEP_PID_FILE_ON_EXIT", "there is no such file"),
    nothing("PID_FILE", "there is no such file; the service manager knows the process"),
    nothing("MAX_OPEN_FILES", "the limit of the process counts, and is raised as far as it goes"),
    nothing("HOME", "nothing is looked for there"),
    nothing("DATA_DIR", "nothing is looked for there; set RABBITMQ_MNESIA_DIR"),
    nothing("VERSION", "the image's own"),
    nothing("PGP_KEY_ID", "the image's own"),
    nothing("SERVER_ERL_ARGS", ERLANG),
    nothing("SERVER_ADDITIONAL_ERL_ARGS", ERLANG),
    nothing("SERVER_START_ARGS", ERLANG),
    nothing("SERVER_CODE_PATH", ERLANG),
    nothing("CTL_ERL_ARGS", ERLANG),
    nothing("IO_THREAD_POOL_SIZE", ERLANG),
    nothing("SCHEDULER_BIND_TYPE", ERLANG),
    nothing("DISTRIBUTION_BUFFER_SIZE", ERLANG),
    nothing("MAX_NUMBER_OF_PROCESSES", ERLANG),
    nothing("MAX_NUMBER_OF_ATOMS", ERLANG),
    nothing("USERNAME", "it is read by the scripts of another image; set RABBITMQ_DEFAULT_USER"),
    nothing("PASSWORD", "it is read by the scripts of another image; set RABBITMQ_DEFAULT_PASS"),
    nothing(
        "PASSWORD_FILE",
        "it is read by the scripts of another image; set RABBITMQ_DEFAULT_PASS_FILE",
    ),
    nothing("VHOST", "it is read by the scripts of another image; set RABBITMQ_DEFAULT_VHOST"),
    nothing("NODE_NAME", "it is read by the scripts of another image; set RABBITMQ_NODENAME"),
    nothing(
        "NODE_PORT_NUMBER",
        "it is read by the scripts of another image; set RABBITMQ_NODE_PORT",
    ),
    nothing(
        "LOAD_DEFINITIONS",
        "it is read by the scripts of another image; set load_definitions in rabbitmq.conf",
    ),
    nothing(
        "DEFINITIONS_FILE",
        "it is read by the scripts of another image; set load_definitions in rabbitmq.conf",
    ),
    nothing("SCRIPTS_DIR", ERLANG),
    nothing("SASL_LOGS", ERLANG),
    nothing("CONSOLE_LOG", ERLANG),
    is("VM_MEMORY_HIGH_WATERMARK", "", Meaning::Gone("set vm_memory_high_watermark.relative")),
    is("HIPE_COMPILE", "", Meaning::Gone("there is nothing to compile")),
    is("SSL_CACERTFILE", "", Meaning::Gone(SSL_GONE)),
    is("SSL_CERTFILE", "", Meaning::Gone(SSL_GONE)),
    is("SSL_KEYFILE", "", Meaning::Gone(SSL_GONE)),
    is("SSL_DEPTH", "", Meaning::Gone(SSL_GONE)),
    is("SSL_FAIL_IF_NO_PEER_CERT", "", Meaning::Gone(SSL_GONE)),
    is("SSL_VERIFY", "", Meaning::Gone(SSL_GONE)),
    is("MANAGEMENT_SSL_CACERTFILE", "", Meaning::Gone(SSL_GONE)),
    is("MANAGEMENT_SSL_CERTFILE", "", Meaning::Gone(SSL_GONE)),
    is("MANAGEMENT_SSL_KEYFILE", "", Meaning::Gone(SSL_GONE)),
    is("MANAGEMENT_SSL_DEPTH", "", Meaning::Gone(SSL_GONE)),
    is("MANAGEMENT_SSL_FAIL_IF_NO_PEER_CERT", "", Meaning::Gone(SSL_GONE)),
    is("MANAGEMENT_SSL_VERIFY", "", Meaning::Gone(SSL_GONE)),
];

/// The listener of the environment, under a name that no file can write.
pub(crate) const LISTENER: &str = "listeners.tcp.$environment";

const PREFIX: &str = "RABBITMQ_";

/// The settings that the environment stands for.
pub(crate) fn settings(
    world: &Surroundings<'_>,
    problems: &mut Vec<Problem>,
    notices: &mut Vec<Notice>,
) -> Vec<Setting> {
    let mut settings = Vec::new();
    for name in world.names {
        let place = Place::Variable { name: name.clone() };
        let Some(value) = (world.variable)(name).filter(|value| !value.is_empty()) else {
            continue;
        };
        let bare = name.strip_prefix(PREFIX).unwrap_or(name);
        let Some(variable) = VARIABLES.iter().find(|variable| variable.name == bare) else {
            notices.push(unknown(place, bare));
            continue;
        };
        match read(variable, &value, world) {
            Ok(Read::Settings(read)) => {
                settings.extend(read.into_iter().map(|(key, value)| Setting {
                    key: key.split('.').map(str::to_owned).collect(),
                    written: value.clone(),
                    value,
                    place: place.clone(),
                }));
            }
            Ok(Read::Nothing(reason)) => notices.push(Notice::variable(place, reason)),
            Err(text) => problems.push(Problem { place, what: What::Variable { text } }),
        }
    }
    settings
}

/// The variables that mean something, for documentation: name and meaning.
pub(crate) fn documented() -> impl Iterator<Item = (String, &'static str)> {
    let documented = VARIABLES.iter().filter(|variable| !variable.doc.is_empty());
    documented.map(|variable| (format!("{PREFIX}{}", variable.name), variable.doc))
}

enum Read {
    Settings(Vec<(&'static str, String)>),
    Nothing(&'static str),
}

fn read(variable: &Variable, value: &str, world: &Surroundings<'_>) -> Result<Read, String> {
    match variable.meaning {
        Meaning::Option(key) => Ok(Read::Settings(vec![(key, value.to_owned())])),
        Meaning::File(key) => {
            let files = (world.files)("", value)?;
            let text = files.first().map(|(_, text)| text.trim_end_matches(['\r', '\n']));
            let text = text.ok_or_else(|| format!("the file {value} is not there"))?;
            Ok(Read::Settings(vec![(key, text.to_owned())]))
        }
        Meaning::Settings(settings) => Ok(Read::Settings(settings(value, world)?)),
        Meaning::Shell => Ok(Read::Settings(vec![])),
        Meaning::Nothing(reason) => Ok(Read::Nothing(reason)),
        Meaning::Gone(remedy) => Err(format!("it is not understood; {remedy}")),
    }
}

fn unknown(place: Place, bare: &str) -> Notice {
    let near = suggest::nearest_of(bare, VARIABLES.iter().map(|variable| variable.name.to_owned()));
    let text = match near {
        Some(near) => format!("unknown variable; did you mean `{PREFIX}{near}`?"),
        None => "unknown variable; it has no effect".to_owned(),
    };
    Notice::new(place, text)
}

/// Both variables together make one listener, which stands for all that files name.
fn amqp_listener(_: &str, world: &Surroundings<'_>) -> Values {
    let port = (world.variable)("RABBITMQ_NODE_PORT").filter(|port| !port.is_empty());
    let port = port.unwrap_or_else(|| "5672".to_owned());
    let host = (world.variable)("RABBITMQ_NODE_IP_ADDRESS");
    // RabbitMQ's word for all interfaces.
    let host = host.filter(|host| !host.is_empty() && host != "auto");
    let listener = match host {
        Some(host) if host.contains(':') => format!("[{host}]:{port}"),
        Some(host) => format!("{host}:{port}"),
        None => port,
    };
    Ok(vec![(LISTENER, listener)])
}

fn log_file(value: &str, _: &Surroundings<'_>) -> Values {
    Ok(match value {
        "-" => vec![("log.console", "true".to_owned()), ("log.file", "false".to_owned())],
        path => vec![("log.file", path.to_owned())],
    })
}

fn log_levels(value: &str, _: &Surroundings<'_>) -> Values {
    let mut settings = Vec::new();
    for part in value.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match (part, part.split_once('=')) {
            ("+json", _) => {
                let json = || "json".to_owned();
                settings
                    .extend([("log.console.formatter", json()), ("log.file.formatter", json())]);
            }
            ("-json" | "+color" | "-color", _) => {}
            (level, None) => settings.push(("log.default.level", level.to_owned())),
            (_, Some((category, level))) => {
                let key = CATEGORIES.into_iter().find(|key| {
                    matches("log.$category.level", &key.split('.').collect::<Vec<_>>())
                        .is_some_and(|filled| filled == [category])
                });
                let key = key.ok_or("a category that is not known; see docs/logging.md")?;
                settings.push((key, level.to_owned()));
            }
        }
    }
    Ok(settings)
}

const CATEGORIES: [&str; 6] = [
    "log.connection.level",
    "log.channel.level",
    "log.queue.level",
    "log.user.level",
    "log.upgrade.level",
    "log.default.level",
];

/// The list of plugins is an Erlang term: `[rabbitmq_management,rabbitmq_prometheus].`
fn plugins(text: &str) -> Vec<(&'static str, String)> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('%'));
    let text: String = lines.collect();
    let is_separator = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let names: Vec<&str> = text.split(is_separator).filter(|name| !name.is_empty()).collect();
    let mut settings = Vec::new();
    for (plugin, key) in [
        ("rabbitmq_management", "leveret.management"),
        ("rabbitmq_prometheus", "leveret.prometheus"),
    ] {
        if !names.contains(&plugin) {
            settings.push((key, "false".to_owned()));
        }
    }
    settings
}

/// Reads a file of variables, as `rabbitmq-env.conf`: assignments, with or without `RABBITMQ_`, as far as no shell is
/// needed to understand them.
///
/// # Errors
/// Lines that are more than an assignment.
pub fn parse_variables(name: &str, text: &str) -> Result<Vec<(String, String)>, Vec<Problem>> {
    let (mut variables, mut problems) = (Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match parse_assignment(line.strip_prefix("export ").unwrap_or(line)) {
            Some((variable, value)) => {
                let bare = variable.strip_prefix(PREFIX).unwrap_or(variable);
                variables.push((format!("{PREFIX}{bare}"), value));
            }
            None => {
                let place = Place::Line { source: name.to_owned(), line: index + 1 };
                let text =
                    "expected NAME=VALUE; what needs a shell has to be put into the environment";
                problems.push(Problem { place, what: What::Variable { text: text.to_owned() } });
            }
        }
    }
    if problems.is_empty() { Ok(variables) } else { Err(problems) }
}

fn parse_assignment(line: &str) -> Option<(&str, String)> {
    let (name, value) = line.split_once('=')?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let quoted = ['"', '\''].into_iter().find_map(|quote| {
        value.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| !inner.contains(quote))
    });
    let is_plain = |text: &str| !text.contains(['$', '`', '"', '\'', '\\']);
    let value = match quoted {
        Some(inner) => inner,
        None => value.split(" #").next()?.trim_end(),
    };
    let is_word = quoted.is_some() || !value.contains([' ', '\t', ';', '&', '|']);
    (is_name && is_word && is_plain(value)).then(|| (name, value.to_owned()))
}

/// The files that the environment names; for the shell to read when the command line names none.
pub fn configuration_files(world: &Surroundings<'_>) -> Vec<String> {
    let mut files = Vec::new();
    if let Some(path) = (world.variable)("RABBITMQ_CONFIG_FILE").filter(|path| !path.is_empty()) {
        // RabbitMQ takes the path with and without its ending.
        files.push(if path.ends_with(".conf") { path } else { format!("{path}.conf") });
    }
    files.extend((world.variable)("RABBITMQ_CONFIG_FILES").filter(|path| !path.is_empty()));
    files
}
