//! A program that runs beside the test, and what it says.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait_for;

/// A running program; it is killed on drop, and what it said is told if the test has failed.
pub struct Process {
    child: Child,
    label: String,
    said: Arc<Mutex<String>>,
    listeners: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts a program; the label stands for it in messages.
    pub fn start(label: &str, mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        let said = Arc::new(Mutex::new(String::new()));
        let output = child.stdout.take().expect("a pipe");
        let errors = child.stderr.take().expect("a pipe");
        let listeners = vec![listen(output, &said), listen(errors, &said)];
        Self {
            child,
            label: label.to_owned(),
            said,
            listeners,
        }
    }

    /// What it has said so far, on standard output and error.
    pub fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.clone()
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).expect("signal the process");
    }

    /// Waits for a line of which something can be made, and gives that. Panics if the program ends without.
    #[track_caller]
    pub fn wait_for_line<T>(&mut self, what: &str, mut wanted: impl FnMut(&str) -> Option<T>) -> T {
        let what = format!("{what} from {}", self.label);
        wait_for(&what, || {
            let ended = self.child.try_wait().expect("state of the process");
            if ended.is_some() {
                self.listen_to_the_end();
            }
            let said = self.said();
            let found = said.lines().find_map(&mut wanted);
            assert!(
                found.is_some() || ended.is_none(),
                "{} ended ({ended:?}) without {what}:\n{said}",
                self.label
            );
            found
        })
    }

    /// Waits for a line that holds all of these words, and gives it back.
    #[track_caller]
    pub fn wait_for_words(&mut self, words: &[&str]) -> String {
        let holds = |line: &str| words.iter().all(|word| line.contains(word));
        self.wait_for_line(&format!("{words:?}"), |line| {
            holds(line).then(|| line.to_owned())
        })
    }

    /// Waits for its end, when everything it had to say has been heard.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let status = wait_for(&format!("the end of {}", self.label), || {
            self.child.try_wait().expect("state of the process")
        });
        self.listen_to_the_end();
        status
    }

    fn listen_to_the_end(&mut self) {
        for listener in self.listeners.drain(..) {
            listener.join().expect("what the process says is read");
        }
    }
}

fn listen(pipe: impl std::io::Read + Send + 'static, said: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.push_str(&line);
            said.push('\n');
        }
    })
}

impl Drop for Process {
    fn drop(&mut self) {
        // Harmless to one that has ended: its id is ours until it is waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("{} said:\n{}", self.label, self.said());
        }
    }
}
