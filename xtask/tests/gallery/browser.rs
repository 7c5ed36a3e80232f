//! A headless Chromium, spoken to by its own protocol over two pipes. The crates that drive browsers bring
//! fifty to a hundred others; this needs a JSON parser.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--remote-debugging-pipe",
];

/// Chromium reads from its descriptor 3 and writes to 4; a process that we start has three.
const WITH_PIPES: &str = "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null";

/// How long a browser may think before it is taken for dead. No test passes or fails by a time below that.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser of one test, which ends with it.
pub(crate) struct Browser {
    process: Child,
    requests: ChildStdin,
    messages: Receiver<Value>,
    last_id: u64,
    /// What it said unasked and nobody has looked at yet.
    pub(crate) events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// Starts one; where there is none, says that `test` is skipped.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let Some(program) = program() else {
            skipped(test, &format!("none of {} is on the path", NAMES.join(", ")));
            return None;
        };
        let profile = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder can be made");
        let mut command = Command::new("sh");
        command.args(["-c", WITH_PIPES]).arg(program).args(FLAGS);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("there is a shell");
        let requests = process.stdin.take().expect("it is piped");
        let answers = process.stdout.take().expect("it is piped");
        let (sender, messages) = mpsc::channel();
        std::thread::spawn(move || {
            for message in BufReader::new(answers).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("Chromium speaks JSON");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Some(Browser { process, requests, messages, last_id: 0, events: Vec::new(), _profile: profile })
    }

    /// Asks and waits for the answer.
    pub(crate) fn call(&mut self, session: &str, method: &str, parameters: Value) -> Value {
        let id = self.ask(session, method, parameters);
        self.answer(id)
    }

    /// Asks; the answer may need something else before it comes.
    pub(crate) fn ask(&mut self, session: &str, method: &str, parameters: Value) -> u64 {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": parameters });
        if !session.is_empty() {
            message["sessionId"] = session.into();
        }
        self.requests.write_all(format!("{message}\0").as_bytes()).expect("Chromium listens");
        self.last_id
    }

    /// Waits for the answer to a question.
    pub(crate) fn answer(&mut self, id: u64) -> Value {
        loop {
            let mut message = self.next();
            if message["id"] == id {
                assert!(message.get("error").is_none(), "{message}");
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    /// Waits until it says something unasked, unless it has said it.
    pub(crate) fn event(&mut self, method: &str) -> Value {
        loop {
            if let Some(at) = self.events.iter().position(|event| event["method"] == method) {
                return self.events.remove(at);
            }
            let message = self.next();
            self.events.push(message);
        }
    }

    fn next(&mut self) -> Value {
        let message = self.messages.recv_timeout(PATIENCE);
        message.unwrap_or_else(|error| panic!("Chromium says nothing more: {error}; {:?}", self.events))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends in good order, with its children, which still write into the profile's folder.
        let close = json!({ "id": 0, "method": "Browser.close" });
        let _ = self.requests.write_all(format!("{close}\0").as_bytes());
        while self.messages.recv_timeout(PATIENCE).is_ok() {}
        // One that does not answer must not keep the tests from their end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn program() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let paths = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    paths.into_iter().find(|path| path.is_file())
}

/// Says, once, that something could not be tested here. Written past `eprintln!`, which the harness hides of
/// tests that pass.
fn skipped(test: &str, why: &str) {
    static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let line = format!("gallery: {test}: skipped, {why}\n");
    let mut said = SAID.lock().expect("nobody panics with it");
    if !said.contains(&line) {
        std::io::stderr().write_all(line.as_bytes()).expect("standard error is open");
        said.push(line);
    }
}
