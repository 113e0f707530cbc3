//! The container image, written without a container engine: a folder of blobs, named by their digests, in one archive.
//!
//! ```text
//!   oci-layout
//!   index.json ──→ blobs/sha256/… manifest ──→ blobs/sha256/… configuration
//!                                          └─→ blobs/sha256/… layer: the files, tar in gzip
//!   manifest.json: the same, for `docker load` of any age
//! ```
//!
//! The layout is that of the OCI image specification 1.1.

use std::io;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::containerfile;
use super::epoch;
use super::program::Program;
use super::tree::{self, Tree};

/// What the files of an image may take when they are unpacked, which is what engines tell people.
const BYTES_MAX: usize = 25_000_000;
/// The user of RabbitMQ's official image: a volume that it has filled can be written.
const USER: u64 = 999;

/// The file that says how the image is started.
const CONTAINERFILE: &str = "packaging/container/Containerfile";
/// The files of the image.
///
/// # Errors
/// A file of the checkout cannot be read; the program needs more than there is; all is too large.
pub(super) fn files(root: &Path, program: &Program) -> Result<Tree, String> {
    if program.is_dynamic {
        return Err(
            "the program needs libraries, and an image that is made from nothing has none; \
             leave --binary out, so that it is built as it has to be"
                .to_owned(),
        );
    }
    let mut files = Tree::default();
    files.file("usr/bin/leveret", 0o755, program.bytes.clone());
    for name in super::NAMES {
        files.link(&format!("usr/bin/{name}"), "leveret");
    }
    for name in ["passwd", "group"] {
        let from = root.join("packaging/container").join(name);
        files.copy(&from, &format!("etc/{name}"), 0o644)?;
    }
    files.copy(&root.join("LICENSE"), "usr/share/doc/leveret/LICENSE", 0o644)?;
    files.folder("tmp", 0o1777);
    for path in ["var/lib/rabbitmq", "etc/rabbitmq", "etc/rabbitmq/conf.d"] {
        files.folder(path, 0o755);
        files.give(path, USER, USER);
    }
    let size = files.size_bytes();
    if size > BYTES_MAX {
        return Err(format!("the image holds {size} bytes, and may hold {BYTES_MAX}"));
    }
    Ok(files)
}

/// The image as an archive that `docker load`, `podman load` and `skopeo` take.
///
/// # Errors
/// As [`files`], or the `Containerfile` says something that is not known here.
pub(super) fn archive(root: &Path, program: &Program, epoch_s: u64) -> Result<Vec<u8>, String> {
    let text = std::fs::read_to_string(root.join(CONTAINERFILE))
        .map_err(|fault| format!("{CONTAINERFILE}: {fault}"))?;
    let image = layout(
        &files(root, program)?,
        &containerfile::config(&text)?,
        program.machine.debian_name(),
        epoch_s,
    );
    image.map_err(|fault| format!("the image cannot be packed: {fault}"))
}

/// The blobs of an image, as they are put into its archive.
#[derive(Debug, Default)]
struct Blobs {
    tree: Tree,
}

impl Blobs {
    /// Puts one in. Returns what others say of it: its kind, digest and size.
    fn put(&mut self, kind: &str, bytes: Vec<u8>) -> Value {
        let (digest, size) = (digest(&bytes), bytes.len());
        self.tree.file(&path(&digest), 0o644, bytes);
        json!({ "mediaType": kind, "digest": format!("sha256:{digest}"), "size": size })
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn path(digest: &str) -> String {
    format!("blobs/sha256/{}", digest.trim_start_matches("sha256:"))
}

fn layout(files: &Tree, config: &Value, architecture: &str, epoch_s: u64) -> io::Result<Vec<u8>> {
    const KIND: &str = "application/vnd.oci.image";
    let tag = format!("leveret:{}", env!("CARGO_PKG_VERSION"));
    let created = epoch::rfc3339(epoch_s);
    let mut blobs = Blobs::default();
    let layer = files.archive("", epoch_s)?;
    let diff_id = format!("sha256:{}", digest(&layer));
    let layer = blobs.put(&format!("{KIND}.layer.v1.tar+gzip"), tree::gzip(&layer)?);
    let configuration = json!({
        "created": created,
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
        "history": [{ "created": created, "created_by": "cargo xtask dist image" }],
    });
    let configuration =
        blobs.put(&format!("{KIND}.config.v1+json"), configuration.to_string().into());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": format!("{KIND}.manifest.v1+json"),
        "config": configuration,
        "layers": [layer],
    });
    let mut manifest = blobs.put(&format!("{KIND}.manifest.v1+json"), manifest.to_string().into());
    manifest["platform"] = json!({ "architecture": architecture, "os": "linux" });
    manifest["annotations"] = json!({
        "io.containerd.image.name": format!("docker.io/library/{tag}"),
        "org.opencontainers.image.ref.name": env!("CARGO_PKG_VERSION"),
    });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": format!("{KIND}.index.v1+json"),
        "manifests": [manifest],
    });
    let path_of = |blob: &Value| path(blob["digest"].as_str().unwrap_or_default());
    let for_docker = json!([{
        "Config": path_of(&configuration),
        "RepoTags": [tag],
        "Layers": [path_of(&layer)],
    }]);
    let mut image = blobs.tree;
    image.file("oci-layout", 0o644, json!({ "imageLayoutVersion": "1.0.0" }).to_string());
    image.file("index.json", 0o644, index.to_string());
    image.file("manifest.json", 0o644, for_docker.to_string());
    image.archive("", epoch_s)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::super::program::tests::bytes;
    use super::*;

    type Files = BTreeMap<String, Vec<u8>>;

    fn unpack(bytes: &[u8]) -> Files {
        let mut files = Files::new();
        for entry in tar::Archive::new(bytes).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(entry.path().unwrap().display().to_string(), bytes);
        }
        files
    }

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    /// What a description of a blob leads to. Its digest and its size are those that it is said to have.
    fn follow(image: &Files, blob: &Value) -> Vec<u8> {
        let name = blob["digest"].as_str().unwrap();
        let bytes = &image[&path(name)];
        assert_eq!(name, format!("sha256:{}", digest(bytes)));
        assert_eq!(blob["size"], bytes.len());
        bytes.clone()
    }

    fn json(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn an_image_leads_from_its_index_to_a_layer_with_the_program() {
        let program = Program::parse(bytes(62, 1)).unwrap();
        let archive = archive(root(), &program, 1_700_000_000).unwrap();
        let image = unpack(&archive);
        assert_eq!(json(&image["oci-layout"])["imageLayoutVersion"], "1.0.0");
        let index = json(&image["index.json"]);
        let manifest = json(&follow(&image, &index["manifests"][0]));
        let config = json(&follow(&image, &manifest["config"]));
        let mut layer = Vec::new();
        GzDecoder::new(follow(&image, &manifest["layers"][0]).as_slice())
            .read_to_end(&mut layer)
            .unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", digest(&layer)));
        assert_eq!(config["architecture"], "amd64");
        assert_eq!(config["created"], "2023-11-14T22:13:20Z");
        let files = unpack(&layer);
        let entrypoint = config["config"]["Entrypoint"][0].as_str().unwrap();
        assert_eq!(files[entrypoint.trim_start_matches('/')], program.bytes);
        let volumes = config["config"]["Volumes"].as_object().unwrap();
        assert!(volumes.keys().all(|path| files.contains_key(&format!("{}/", &path[1..]))));
        // Older engines look here.
        let for_docker = json(&image["manifest.json"]);
        assert!(image.contains_key(for_docker[0]["Layers"][0].as_str().unwrap()));
        assert_eq!(json(&image[for_docker[0]["Config"].as_str().unwrap()]), config);
    }

    #[test]
    fn an_image_is_the_same_whenever_it_is_made() {
        let program = Program::parse(bytes(62, 1)).unwrap();
        let make = || archive(root(), &program, 1_700_000_000).unwrap();
        assert!(make() == make());
    }

    #[test]
    fn a_program_that_would_not_run_from_nothing_or_is_too_large_is_refused() {
        let dynamic = Program::parse(bytes(62, 3)).unwrap();
        assert!(files(root(), &dynamic).unwrap_err().contains("needs libraries"));
        let mut large = bytes(62, 1);
        large.resize(BYTES_MAX, 0);
        let reason = files(root(), &Program::parse(large).unwrap()).unwrap_err();
        assert!(reason.contains("may hold 25000000"), "{reason}");
    }
}
