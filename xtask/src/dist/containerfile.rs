//! The last stage of the `Containerfile`: how the image is started, which an image that is built without a container engine
//! takes from there. Only the instructions that stand there are known; another one is refused.

use serde_json::{Value, json};

/// A program and its arguments, which no shell sees: there is none in the image.
fn words(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(Value::Array(words)) if words.iter().all(Value::is_string) => Ok(Value::Array(words)),
        _ => Err(format!("`{text}` is not a list of words, as in [\"program\", \"argument\"]")),
    }
}

/// `NAME=value`, with quotes that may stand around the value.
fn assignment(text: &str) -> Result<(&str, &str), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` has no ="))?;
    Ok((name, value.trim_matches('"')))
}

/// `30s` in nanoseconds, which is the unit of images.
fn nanoseconds(text: &str) -> Result<u64, String> {
    let seconds = text.strip_suffix('s').and_then(|number| number.parse::<u64>().ok());
    seconds
        .map(|seconds| seconds * 1_000_000_000)
        .ok_or_else(|| format!("`{text}` is not as `30s`"))
}

/// The instructions of the last stage, each in one line.
fn instructions(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let text = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let mut stage = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("FROM ") {
            stage.clear();
        }
        stage.push(line.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    stage
}

/// The part `config` of the image's configuration, as the OCI image specification has it, and the health check that
/// Docker adds to it.
///
/// # Errors
/// An instruction that is not known here, or that is malformed.
pub(super) fn config(text: &str) -> Result<Value, String> {
    let (mut config, mut variables) = (json!({}), Vec::new());
    for line in instructions(text) {
        let (instruction, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match instruction {
            "FROM" if rest == "scratch" => {}
            // What is copied is the tree that `dist rootfs` writes.
            "COPY" => {}
            "USER" => config["User"] = rest.into(),
            "WORKDIR" => config["WorkingDir"] = rest.into(),
            "STOPSIGNAL" => config["StopSignal"] = rest.into(),
            "ENTRYPOINT" => config["Entrypoint"] = words(rest)?,
            "CMD" => config["Cmd"] = words(rest)?,
            "VOLUME" => config["Volumes"][rest] = json!({}),
            "EXPOSE" => {
                for port in rest.split(' ') {
                    config["ExposedPorts"][format!("{port}/tcp")] = json!({});
                }
            }
            "LABEL" => {
                let (name, value) = assignment(rest)?;
                config["Labels"][name] = value.into();
            }
            "ENV" => {
                let (name, value) = assignment(rest)?;
                variables.push(Value::from(format!("{name}={value}")));
            }
            "HEALTHCHECK" => config["Healthcheck"] = health_check(rest)?,
            _ => {
                return Err(format!("Containerfile: `{instruction}` is not known to `dist image`"));
            }
        }
    }
    config["Env"] = Value::Array(variables);
    Ok(config)
}

fn health_check(text: &str) -> Result<Value, String> {
    let (options, command) =
        text.split_once(" CMD ").ok_or_else(|| format!("HEALTHCHECK {text}: there is no CMD"))?;
    let mut test = vec![Value::from("CMD")];
    if let Value::Array(words) = words(command)? {
        test.extend(words);
    }
    let mut check = json!({ "Test": test });
    for option in options.split(' ') {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "--interval" => check["Interval"] = nanoseconds(value)?.into(),
            "--timeout" => check["Timeout"] = nanoseconds(value)?.into(),
            "--start-period" => check["StartPeriod"] = nanoseconds(value)?.into(),
            _ => return Err(format!("HEALTHCHECK: `{option}` is not known to `dist image`")),
        }
    }
    Ok(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stage_says_how_the_image_is_started() {
        let text = "FROM rust AS build\nRUN make\nFROM scratch\n# a comment\nCOPY --from=build /rootfs /\nUSER 999:999\n\
                    EXPOSE 5672 15672\nENV A=1\nENV B=\"two words\"\nVOLUME /data\nENTRYPOINT [\"/a\"]\nCMD [\"b\", \\\n  \"c\"]\n\
                    HEALTHCHECK --interval=30s --timeout=5s CMD [\"/a\", \"ping\"]\n";
        let config = config(text).unwrap();
        let wanted = json!({
            "User": "999:999",
            "ExposedPorts": { "5672/tcp": {}, "15672/tcp": {} },
            "Env": ["A=1", "B=two words"],
            "Volumes": { "/data": {} },
            "Entrypoint": ["/a"],
            "Cmd": ["b", "c"],
            "Healthcheck": {
                "Test": ["CMD", "/a", "ping"],
                "Interval": 30_000_000_000_u64,
                "Timeout": 5_000_000_000_u64,
            },
        });
        assert_eq!(config, wanted);
    }

    #[test]
    fn what_a_container_engine_would_do_otherwise_is_refused() {
        for text in [
            "FROM debian\n",
            "FROM scratch\nRUN make\n",
            "FROM scratch\nCMD a shell would see this\n",
            "FROM scratch\nHEALTHCHECK NONE\n",
            "FROM scratch\nHEALTHCHECK --retries=3 CMD [\"a\"]\n",
        ] {
            assert!(config(text).is_err(), "{text}");
        }
    }
}
