//! One tab: what is loaded in it, what it complains of, its keys and its mouse.

use std::path::Path;

use serde_json::{Value, json};

use crate::browser::Browser;

/// A tab of a browser.
pub(crate) struct Tab {
    browser: Browser,
    session: String,
}

/// How a reader's window is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) width: u32,
    pub(crate) scheme: &'static str,
}

pub(crate) const WIDE: View = View { width: 1280, scheme: "light" };

/// Every combination that the page promises to look well in.
pub(crate) const VIEWS: [View; 4] = [
    WIDE,
    View { width: 1280, scheme: "dark" },
    View { width: 360, scheme: "light" },
    View { width: 360, scheme: "dark" },
];

/// The keys that readers press.
pub(crate) const TAB: (&str, u32, &str) = ("Tab", 9, "");
pub(crate) const ENTER: (&str, u32, &str) = ("Enter", 13, "\r");

impl Tab {
    /// Opens one that listens for all that goes wrong in it.
    pub(crate) fn open(test: &str) -> Option<Self> {
        let mut browser = Browser::start(test)?;
        let target = browser.call("", "Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("", "Target.attachToTarget", attach)["sessionId"].take();
        let session = session.as_str().expect("a session has a name").to_owned();
        let mut tab = Tab { browser, session };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            tab.call(&format!("{domain}.enable"), json!({}));
        }
        tab.look(WIDE);
        Some(tab)
    }

    /// Changes the window.
    pub(crate) fn look(&mut self, view: View) {
        let size = json!({ "width": view.width, "height": 800, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let feature = json!({ "name": "prefers-color-scheme", "value": view.scheme });
        self.call("Emulation.setEmulatedMedia", json!({ "features": [feature] }));
    }

    /// Loads a file and waits until all that belongs to it is there.
    pub(crate) fn load(&mut self, file: &Path) {
        self.browser.events.retain(|event| event["method"] != "Page.loadEventFired");
        let loaded = self.call("Page.navigate", json!({ "url": format!("file://{}", file.display()) }));
        assert!(loaded.get("errorText").is_none(), "{loaded}");
        self.browser.event("Page.loadEventFired");
    }

    /// Evaluates an expression, waiting for it if it is a promise.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", asked);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].take()
    }

    /// The same for a list of texts.
    pub(crate) fn texts(&mut self, expression: &str) -> Vec<String> {
        let value = self.evaluate(expression);
        serde_json::from_value(value).unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, (key, code, text): (&str, u32, &str), modifiers: u32) {
        let id = self.ask_to_press((key, code, text), modifiers);
        self.browser.answer(id);
        let up = json!({ "type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code });
        self.call("Input.dispatchKeyEvent", up);
    }

    fn ask_to_press(&mut self, (key, code, text): (&str, u32, &str), modifiers: u32) -> u64 {
        let down = json!({ "type": if text.is_empty() { "rawKeyDown" } else { "keyDown" }, "key": key,
            "code": key, "windowsVirtualKeyCode": code, "text": text, "modifiers": modifiers });
        self.browser.ask(&self.session, "Input.dispatchKeyEvent", down)
    }

    /// Presses a key that opens a question, and answers it.
    pub(crate) fn press_and_answer(&mut self, key: (&str, u32, &str), modifiers: u32, words: &str) {
        let id = self.ask_to_press(key, modifiers);
        self.answer_dialog(id, words);
    }

    /// Clicks on the middle of what an expression gives.
    pub(crate) fn click(&mut self, element: &str) {
        let id = self.ask_to_click(element);
        self.browser.answer(id);
    }

    /// Clicks on something that opens a question, and answers it.
    pub(crate) fn click_and_answer(&mut self, element: &str, words: &str) {
        let id = self.ask_to_click(element);
        self.answer_dialog(id, words);
    }

    fn ask_to_click(&mut self, element: &str) -> u64 {
        let middle = format!(
            "(() => {{ const box = ({element}).getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2] }})()"
        );
        let middle = self.evaluate(&middle);
        let event = |kind: &str| json!({ "type": kind, "x": middle[0], "y": middle[1], "button": "left", "clickCount": 1 });
        self.call("Input.dispatchMouseEvent", event("mousePressed"));
        self.browser.ask(&self.session, "Input.dispatchMouseEvent", event("mouseReleased"))
    }

    fn answer_dialog(&mut self, id: u64, words: &str) {
        self.browser.event("Page.javascriptDialogOpening");
        self.call("Page.handleJavaScriptDialog", json!({ "accept": true, "promptText": words }));
        self.browser.answer(id);
    }

    /// Errors, exceptions, requests to anything but files, and files that could not be read, since the last time.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        // An answer comes after everything that was said before.
        self.evaluate("0");
        let is_complaint = |event: &Value| {
            let is_outside = |url: &Value| {
                let url = url.as_str().unwrap_or_default();
                !["file:", "data:", "about:"].iter().any(|scheme| url.starts_with(scheme))
            };
            match event["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" | "Network.loadingFailed" => true,
                "Runtime.consoleAPICalled" => {
                    ["error", "warning", "assert"].iter().any(|kind| event["params"]["type"] == *kind)
                }
                "Log.entryAdded" => event["params"]["entry"]["level"] != "verbose",
                "Network.requestWillBeSent" => is_outside(&event["params"]["request"]["url"]),
                _ => false,
            }
        };
        let events = std::mem::take(&mut self.browser.events);
        events.into_iter().filter(is_complaint).map(|event| event.to_string()).collect()
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.browser.call(&self.session, method, parameters)
    }
}
