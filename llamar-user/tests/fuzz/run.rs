//! The fuzzer: inputs from a corpus, damaged or made up, into a target until the time is up or something breaks.
//!
//! There is no coverage on stable Rust. In its place each run says what it came to, and an input that came to something
//! new is kept to be damaged further. What breaks is made shorter, written to a file, and told with its seed.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::io::{IsTerminal as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, Once};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::damage;
use crate::dice::Dice;

/// How long each target is fuzzed in seconds; without it, a fixed number of inputs.
const SECONDS: &str = "LLAMAR_FUZZ_SECONDS";
/// The seed of a former run.
const SEED: &str = "LLAMAR_FUZZ_SEED";
/// A file with the one input to run.
const INPUT: &str = "LLAMAR_FUZZ_INPUT";
/// Where inputs that broke something are written to.
const OUTPUT: &str = "LLAMAR_FUZZ_OUTPUT";

/// Inputs in a run that nobody asked to be longer.
const BRIEF: u64 = 1500;
/// The seed of such a run: the same inputs in every one.
const BRIEF_SEED: u64 = 0x11a3a2;
/// Most inputs that are kept: what comes to something new is rare, after a while.
const KEPT_MAX: usize = 8192;
/// Runs spent on making an input that broke something shorter.
const SHRINKS: usize = 4000;

/// Something that takes bytes.
pub trait Target {
    /// What it is called on the command line.
    const NAME: &'static str;

    /// A new one.
    fn new() -> Self;

    /// Inputs to begin with: made by hand, and captured where there are captures.
    fn seeds(&self) -> Vec<Vec<u8>>;

    /// An input that is made up.
    fn make(&self, dice: &mut Dice) -> Vec<u8>;

    /// Damages an input.
    fn damage(&self, dice: &mut Dice, input: &mut Vec<u8>) {
        damage::anywhere(dice, input);
    }

    /// Takes an input, and panics if anything does not hold that must. Returns what it came to.
    fn run(&mut self, input: &[u8]) -> u64;
}

/// What a run came to, as a number.
pub fn outcome(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// Fuzzes a target as the environment says.
pub fn fuzz<T: Target>() {
    quiet_panics();
    if let Some(file) = env::var_os(INPUT) {
        let input =
            fs::read(&file).unwrap_or_else(|error| panic!("read {}: {error}", file.display()));
        T::new().run(&input);
        return;
    }
    let number = |name| env::var(name).ok().map(|text| parse(name, &text));
    match number(SECONDS) {
        None => {
            let found = Hunt::<T>::new(BRIEF_SEED).go(|count| count < BRIEF);
            assert!(found.is_ok(), "{}", found.unwrap_err().report::<T>());
        }
        Some(seconds) => {
            let seed = number(SEED).unwrap_or_else(any_seed);
            long::<T>(seed, Duration::from_secs(seconds));
        }
    }
}

fn parse(name: &str, text: &str) -> u64 {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.unwrap_or_else(|error| panic!("{name}={text}: {error}"))
}

fn any_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

/// Fuzzes on every core for some time, each with a seed of its own, and shows how far it is to whoever watches.
fn long<T: Target>(seed: u64, time: Duration) {
    let start = Instant::now();
    let (count, kept, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let found = Mutex::new(None);
    let cores = thread::available_parallelism().map_or(1, usize::from) as u64;
    let hunt = |seed: u64| {
        let mut hunt = Hunt::<T>::new(seed);
        let result = hunt.go(|runs| {
            if runs % 64 == 0 {
                count.fetch_add(64, Ordering::Relaxed);
                kept.fetch_max(runs.min(KEPT_MAX as u64), Ordering::Relaxed);
            }
            start.elapsed() < time && !stop.load(Ordering::Relaxed)
        });
        if let Err(broken) = result {
            stop.store(true, Ordering::Relaxed);
            *found.lock().expect("no panic while it is held") = Some(broken);
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|core| scope.spawn(move || hunt(seed.wrapping_add(core))))
            .collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            thread::sleep(Duration::from_millis(200));
            progress::<T>(start.elapsed(), time, count.load(Ordering::Relaxed));
        }
    });
    let broken = found.into_inner().expect("no panic while it is held");
    assert!(
        broken.is_none(),
        "{}",
        broken.expect("just seen").report::<T>()
    );
}

/// One line, written over itself; none in a pipe.
fn progress<T: Target>(elapsed: Duration, time: Duration, count: u64) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let (seconds, rate) = (elapsed.as_secs(), count as f64 / elapsed.as_secs_f64());
        let line = format!(
            "{}: {seconds} s of {}, {count} inputs, {rate:.0}/s",
            T::NAME,
            time.as_secs()
        );
        // A terminal that is gone is no reason to stop.
        let _ = write!(
            out,
            "\r\x1b[K{line}{}",
            if elapsed < time { "" } else { "\n" }
        );
    }
}

/// An input that broke something.
struct Broken {
    input: Vec<u8>,
    why: String,
    seed: u64,
    count: u64,
}

impl Broken {
    /// Writes the input to a file, and says what is to be known of it.
    fn report<T: Target>(&self) -> String {
        let folder = env::var_os(OUTPUT)
            .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
        let file = folder.join(format!("{}-{:016x}", T::NAME, outcome(&self.input)));
        let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, &self.input));
        let place = match written {
            Ok(()) => format!("{} bytes in {}", self.input.len(), file.display()),
            Err(error) => format!("{:02x?}, not in {}: {error}", self.input, file.display()),
        };
        let Self {
            why, seed, count, ..
        } = self;
        let name = T::NAME;
        format!(
            "{name}: {why}\n  input {count} of seed {seed:#x}: {place}\n  again: cargo xtask fuzz {name} --input {}",
            file.display()
        )
    }
}

/// Fuzzing from one seed.
struct Hunt<T> {
    target: T,
    dice: Dice,
    seed: u64,
    corpus: Vec<Vec<u8>>,
    outcomes: HashSet<u64>,
}

impl<T: Target> Hunt<T> {
    fn new(seed: u64) -> Self {
        Self {
            target: T::new(),
            dice: Dice::new(seed),
            seed,
            corpus: Vec::new(),
            outcomes: HashSet::new(),
        }
    }

    /// Runs inputs while that is wanted, by how many there have been.
    fn go(&mut self, wanted: impl Fn(u64) -> bool) -> Result<(), Broken> {
        let mut seeds = self.target.seeds();
        // All of them are damaged later; in a brief run, some are tried as they are.
        self.corpus.clone_from(&seeds);
        let mut count = 0;
        while wanted(count) {
            let input = match seeds.pop() {
                Some(seed) if count % 4 == 0 => seed,
                seed => {
                    seeds.extend(seed);
                    self.next()
                }
            };
            count += 1;
            match attempt(&mut self.target, &input) {
                Ok(outcome) => {
                    if self.corpus.len() < KEPT_MAX && self.outcomes.insert(outcome) {
                        self.corpus.push(input);
                    }
                }
                Err(why) => return Err(self.shorten(input, why, count)),
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Vec<u8> {
        if self.corpus.is_empty() || self.dice.percent(20) {
            return self.target.make(&mut self.dice);
        }
        let mut input = self.dice.pick(&self.corpus).clone();
        if self.dice.percent(10) {
            // The front of one, the back of another.
            let other = self.dice.pick(&self.corpus);
            let from = other.len().min(input.len() / 2);
            input.truncate(input.len() / 2);
            input.extend_from_slice(&other[from..]);
        }
        for _ in 0..1 + self.dice.below(3) {
            self.target.damage(&mut self.dice, &mut input);
        }
        input.truncate(damage::LONGEST);
        input
    }

    /// Takes away from an input what it does not need to break something.
    fn shorten(&mut self, mut input: Vec<u8>, mut why: String, count: u64) -> Broken {
        let mut piece = input.len();
        let mut tries = 0;
        while piece > 0 {
            let mut at = 0;
            while at < input.len() && tries < SHRINKS {
                tries += 1;
                let mut shorter = input.clone();
                shorter.drain(at..input.len().min(at + piece));
                match attempt(&mut self.target, &shorter) {
                    Err(reason) => (input, why) = (shorter, reason),
                    Ok(_) => at += piece,
                }
            }
            piece /= 2;
        }
        Broken {
            input,
            why,
            seed: self.seed,
            count,
        }
    }
}

/// Runs a target; its panic is what went wrong.
fn attempt<T: Target>(target: &mut T, input: &[u8]) -> Result<u64, String> {
    let result = quietly(|| catch_unwind(AssertUnwindSafe(|| target.run(input))));
    result.map_err(|panic| {
        let place = PLACE.take();
        format!("{} ({place})", message(&*panic))
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic without words".to_owned())
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Does something whose panics are expected: they are not printed, their place is remembered.
pub fn quietly<R>(what: impl FnOnce() -> R) -> R {
    quiet_panics();
    let before = QUIET.replace(true);
    let result = what();
    QUIET.set(before);
    result
}

fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if QUIET.get() {
                let place = panic.location().map(ToString::to_string);
                PLACE.set(place.unwrap_or_default());
            } else {
                usual(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Breaks if there is a `!` behind a `?`.
    struct Fragile;

    impl Target for Fragile {
        const NAME: &'static str = "fragile";

        fn new() -> Self {
            Self
        }

        fn seeds(&self) -> Vec<Vec<u8>> {
            vec![b"what? how".to_vec()]
        }

        fn make(&self, dice: &mut Dice) -> Vec<u8> {
            dice.bytes(20)
        }

        fn run(&mut self, input: &[u8]) -> u64 {
            let asked = input.iter().position(|&byte| byte == b'?');
            let told = asked.is_some_and(|at| input[at..].contains(&b'!'));
            assert!(!told, "do not shout");
            outcome(asked.is_some())
        }
    }

    #[test]
    fn what_breaks_is_found_made_short_and_written_to_a_file() {
        let found = Hunt::<Fragile>::new(7).go(|count| count < 1_000_000);
        let broken = found.expect_err("an input that breaks it");
        assert_eq!(broken.input, b"?!");
        let report = broken.report::<Fragile>();
        assert!(report.starts_with("fragile: do not shout ("), "{report}");
        assert!(report.contains(" of seed 0x7: 2 bytes in "), "{report}");
        let file = report.rsplit(' ').next().expect("a file");
        assert_eq!(fs::read(file).expect("the file"), b"?!");
        fs::remove_file(file).expect("the file");
        let again = Hunt::<Fragile>::new(7).go(|count| count < 1_000_000);
        assert_eq!(again.expect_err("the same").count, broken.count);
    }

    #[test]
    fn what_holds_is_not_reported() {
        struct Firm;
        impl Target for Firm {
            const NAME: &'static str = "firm";
            fn new() -> Self {
                Self
            }
            fn seeds(&self) -> Vec<Vec<u8>> {
                Vec::new()
            }
            fn make(&self, dice: &mut Dice) -> Vec<u8> {
                dice.bytes(3)
            }
            fn run(&mut self, input: &[u8]) -> u64 {
                outcome(input)
            }
        }
        let mut hunt = Hunt::<Firm>::new(1);
        assert!(hunt.go(|count| count < 20_000).is_ok());
        assert_eq!(hunt.corpus.len(), KEPT_MAX);
    }
}
