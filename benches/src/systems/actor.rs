//! The answer of channels to shared state: a thread that owns it, and does what messages ask for.

use std::cell::OnceCell;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};

/// How many questions may lie before the owner.
const MAILBOX: usize = 1024;

/// What is asked: a function of the state and two numbers, which the owner calls, and where the answer goes.
struct Question<T> {
    ask: fn(&mut T, u64, u64) -> u64,
    arguments: [u64; 2],
    reply: Sender<u64>,
}

/// A thread that owns a `T`. It ends with its last client.
pub struct Actor<T> {
    mailbox: Option<Sender<Question<T>>>,
    owner: Option<JoinHandle<()>>,
}

thread_local! {
    /// Where answers to this thread arrive: one at a time.
    static REPLIES: OnceCell<(Sender<u64>, Receiver<u64>)> = const { OnceCell::new() };
}

impl<T: Send + 'static> Actor<T> {
    pub fn new(mut state: T) -> Self {
        let (mailbox, questions) = bounded::<Question<T>>(MAILBOX);
        let owner = std::thread::spawn(move || {
            for Question { ask, arguments: [first, second], reply } in questions {
                let answer = ask(&mut state, first, second);
                // Whoever asked may have gone.
                let _ = reply.send(answer);
            }
        });
        Self { mailbox: Some(mailbox), owner: Some(owner) }
    }

    /// Has the owner call a function, and waits for what it returns.
    ///
    /// # Panics
    ///
    /// When the owner has panicked.
    #[inline]
    pub fn ask(&self, first: u64, second: u64, ask: fn(&mut T, u64, u64) -> u64) -> u64 {
        REPLIES.with(|replies| {
            let (sender, receiver) = replies.get_or_init(|| bounded(1));
            let question = Question { ask, arguments: [first, second], reply: sender.clone() };
            let mailbox = self.mailbox.as_ref().expect("it is taken when the actor is dropped");
            mailbox.send(question).expect("the owner is there until it is dropped");
            receiver.recv().expect("this thread holds a sender")
        })
    }
}

impl<T> Drop for Actor<T> {
    fn drop(&mut self) {
        self.mailbox = None;
        if let Some(owner) = self.owner.take() {
            owner.join().expect("the owner panicked, see above");
        }
    }
}
