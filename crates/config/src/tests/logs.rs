//! How lines of the log look, and where they go.

use super::*;

#[test]
fn lines_look_as_is_configured_for_each_place() {
    let text = "log.console.formatter = json\nlog.console.formatter.json.field_map = time:ts msg *:-\n\
                log.console.formatter.json.verbosity_map = debug:7 error:3\nlog.file = a.log\nlog.console = true\n\
                log.file.formatter.plaintext.format = $level $msg\nlog.file.formatter.level_format = uc4\n\
                log.file.formatter.single_line = on\nlog.file.formatter.time_format = epoch_secs\n";
    let (config, notices) = read(text).unwrap();
    assert_eq!(notices, [""; 0]);
    let console = config.log.console.unwrap().shape;
    let field = |name: &str, shown: Option<&str>| (name.to_owned(), shown.map(str::to_owned));
    let fields = [field("time", Some("ts")), field("msg", Some("msg")), field("*", None)];
    assert_eq!((console.format, console.fields.as_slice()), (LogFormat::Json, &fields[..]));
    assert_eq!(console.verbosity[&LogLevel::Error], 3);
    let file = config.log.file.unwrap().shape;
    assert_eq!((file.template.as_str(), file.is_single_line), ("$level $msg", true));
    assert_eq!(
        (file.time, file.level),
        (LogTime::Seconds, LevelStyle { is_upper: true, letters: 4 })
    );
    for wrong in [
        "log.console.formatter.plaintext.format = $level",
        "log.console.formatter.time_format = iso",
        "log.file.formatter.level_format = uc5",
        "log.file.formatter.json.verbosity_map = debug=7",
        "log.file.formatter.json.field_map = tiem:ts msg",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn categories_have_files_of_their_own() {
    let config = config("log.connection.file = connections.log\nlog.file.level = warning");
    assert_eq!(config.log.category_files[&LogCategory::Connection], "connections.log");
    assert_eq!(config.log.category_output.level, LogLevel::Warning);
    assert!(read("log.connection.file = true").is_err());
}
