//! tokio: tasks that send each other messages, on two workers. A unit is one exchange of 64 tasks with a
//! collector, 32 messages each, and an answer to every task.

use std::hint::black_box;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::Workload;

const TASKS: usize = 64;
const MESSAGES: usize = 32;

pub(crate) struct Channels {
    runtime: Runtime,
}

impl Channels {
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).build().expect("threads can be started");
        let mut channels = Channels { runtime };
        channels.run(10);
        channels
    }
}

impl Workload for Channels {
    fn run(&mut self, units: u64) {
        self.runtime.block_on(async {
            for _ in 0..units {
                tokio::spawn(exchange()).await.expect("no task panics");
            }
        });
    }
}

struct Message {
    text: String,
    answer: Option<oneshot::Sender<usize>>,
}

async fn exchange() {
    let (sender, mut receiver) = mpsc::channel::<Message>(16);
    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(talk(task, sender.clone()))).collect();
    drop(sender);
    let mut letters = 0;
    while let Some(message) = receiver.recv().await {
        letters += message.text.len();
        if let Some(answer) = message.answer {
            // A task that is gone needs no answer.
            let _ = answer.send(letters);
        }
    }
    for task in tasks {
        black_box(task.await.expect("no task panics"));
    }
}

async fn talk(task: usize, collector: mpsc::Sender<Message>) -> usize {
    for message in 1..MESSAGES {
        let text = format!("message {message} of task {task}");
        collector.send(Message { text, answer: None }).await.expect("the collector listens");
    }
    let (sender, receiver) = oneshot::channel();
    let last = Message { text: String::from("done"), answer: Some(sender) };
    collector.send(last).await.expect("the collector listens");
    receiver.await.expect("the collector answers")
}
