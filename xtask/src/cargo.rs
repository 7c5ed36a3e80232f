//! Cargo, run as a command: builds packages and says where their binaries are. Names no package.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::repository;

/// Cargo in the repository's root: the one that runs us, or the one on the path.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repository::root());
    command
}

/// Where built files go.
pub(crate) fn target_folder() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    repository::root().join(folder)
}

/// Builds binaries of the workspace in release and returns the path of each, in the same order.
/// Compiler messages go to stderr as they come.
pub(crate) fn build_release<const N: usize>(packages: [&str; N]) -> Result<[PathBuf; N]> {
    let mut command = cargo();
    command.args(["build", "--release", "--quiet", "--bins"]);
    for package in packages {
        command.args(["--package", package]);
    }
    let built = Built::by(&mut command)?;
    ensure!(built.succeeded, "cargo could not build {}", packages.join(" and "));

    let mut paths = [const { PathBuf::new() }; N];
    for (path, package) in paths.iter_mut().zip(packages) {
        match built.executable(package) {
            Some(executable) => path.clone_from(executable),
            None => bail!("the package {package} has no binary of that name"),
        }
    }
    Ok(paths)
}

/// What cargo said while it built.
pub(crate) struct Built {
    pub(crate) succeeded: bool,
    /// Programs, as cargo named them.
    pub(crate) executables: Vec<PathBuf>,
    /// The root source file of every crate that went in.
    pub(crate) sources: Vec<PathBuf>,
}

impl Built {
    /// Runs a build command; its stderr goes where the command says.
    pub(crate) fn by(command: &mut Command) -> Result<Self> {
        let command = command.arg("--message-format=json-render-diagnostics");
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
        let messages = child.stdout.take().context("cargo has no output")?;
        let mut built = Built { succeeded: false, executables: Vec::new(), sources: Vec::new() };
        for message in BufReader::new(messages).lines() {
            let message = message?;
            built.executables.extend(json_text(&message, "executable").map(PathBuf::from));
            built.sources.extend(json_text(&message, "src_path").map(PathBuf::from));
        }
        built.succeeded = child.wait()?.success();
        Ok(built)
    }

    /// The path of a binary.
    pub(crate) fn executable(&self, name: &str) -> Option<&PathBuf> {
        self.executables.iter().find(|built| built.file_stem().is_some_and(|stem| stem == name))
    }
}

/// The text value of a key in one of cargo's messages. Cargo writes one object a line without blanks;
/// a JSON parser for one field would double our dependencies.
pub(crate) fn json_text(message: &str, key: &str) -> Option<String> {
    let start = message.find(&format!("\"{key}\":\""))? + key.len() + 4;
    let mut text = String::new();
    let mut letters = message[start..].chars();
    loop {
        match letters.next()? {
            '"' => return Some(text),
            '\\' => match letters.next()? {
                // Control characters are not worth a file name.
                'u' | 'n' | 't' | 'r' | 'b' | 'f' => return None,
                escaped => text.push(escaped),
            },
            letter => text.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::json_text;

    #[test]
    fn a_text_value_is_found_and_unescaped() {
        let message = r#"{"reason":"compiler-artifact","executable":"a \"b\"\\c","fresh":true}"#;
        assert_eq!(json_text(message, "executable").as_deref(), Some(r#"a "b"\c"#));
        assert_eq!(json_text(r#"{"executable":null}"#, "executable"), None);
        assert_eq!(json_text(r#"{"executable":"cut"#, "executable"), None);
    }
}
