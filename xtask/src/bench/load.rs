//! Live frames: the generator, the reflector and the counter, and one timed run of them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use aya::maps::{Array, Map, MapData, PerCpuArray, PerCpuValues, ProgramArray};
use aya::programs::{
    ProgramInfo, TestRun, TestRunAttrs, TestRunOptions, Xdp, XdpMode, loaded_programs,
};
use aya::{Ebpf, EbpfLoader};
use llamar_common::abi::Plain;
use llamar_common::bench::{
    Canned, Expect, Load, SAMPLE_EVERY, SAMPLES_MAX, Sample, Tally, map, program,
};

use super::scene::{INTERFACE, Namespace, Pair};

/// Frames that the kernel makes at a time.
const BATCH: u32 = 64;

/// The programs of the benchmark, loaded.
pub struct Programs {
    ebpf: Ebpf,
    load: Array<MapData, [u8; size_of::<Load>()]>,
    expect: Array<MapData, [u8; size_of::<Expect>()]>,
    tally: PerCpuArray<MapData, [u8; size_of::<Tally>()]>,
    samples: PerCpuArray<MapData, [u8; size_of::<Sample>()]>,
    canned: Array<MapData, [u8; size_of::<Canned>()]>,
    target: ProgramArray<MapData>,
}

/// What the undo wrapper goes on to.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// A program of the benchmark, by its name.
    Own(&'static str),
    /// Another one.
    Other(&'a Xdp),
}

/// What came of one run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Frames that were sent.
    pub frames: u64,
    /// Frames that came back and looked right.
    pub answers: u64,
    /// Frames that came back and did not.
    pub others: u64,
    /// By the kernel's own clock.
    pub time: Duration,
    /// By ours, with what the kernel needs to prepare.
    pub wall: Duration,
    /// Every thousandth answer.
    pub samples: Vec<Vec<u8>>,
}

impl Run {
    /// Answers in a second.
    pub fn rate(&self) -> f64 {
        self.answers as f64 / self.time.as_secs_f64()
    }
}

impl Programs {
    /// Loads the benchmark's object.
    pub fn load(object: &Path) -> Result<Self> {
        let bytes = std::fs::read(object).with_context(|| format!("read {}", object.display()))?;
        let mut ebpf = EbpfLoader::new()
            .load(&bytes)
            .with_context(|| format!("load {}", object.display()))?;
        let mut take = |name: &str| {
            ebpf.take_map(name)
                .with_context(|| format!("no map {name}"))
        };
        let (load, expect) = (array(take(map::LOAD)?)?, array(take(map::EXPECT)?)?);
        let (canned, target) = (array(take(map::CANNED)?)?, take(map::TARGET)?.try_into()?);
        let (tally, samples) = (
            take(map::TALLY)?.try_into()?,
            take(map::SAMPLES)?.try_into()?,
        );
        let mut programs = Self {
            ebpf,
            load,
            expect,
            tally,
            samples,
            canned,
            target,
        };
        for name in [
            program::GENERATE,
            program::REFLECT,
            program::COUNT,
            program::PASS,
            program::UNDO,
            program::GROW,
            program::LIAR,
        ] {
            let loaded = programs.xdp(name)?.load();
            loaded.with_context(|| format!("load the program {name}"))?;
        }
        Ok(programs)
    }

    fn xdp(&mut self, name: &str) -> Result<&mut Xdp> {
        let program = self.ebpf.program_mut(name);
        Ok(program
            .with_context(|| format!("no program {name}"))?
            .try_into()?)
    }

    /// Attaches a program to a namespace's interface, in the driver, for as long as this lives.
    pub fn attach(&mut self, name: &str, namespace: &Namespace) -> Result<()> {
        let xdp = self.xdp(name)?;
        namespace.inside(|| {
            let attached = xdp.attach(INTERFACE, XdpMode::Driver);
            attached.map(drop).with_context(|| format!("attach {name}"))
        })
    }

    /// Says what is counted as an answer from now on, and begins at zero.
    pub fn expect(&mut self, expect: &Expect) -> Result<()> {
        self.expect.set(0, raw(expect)?, 0)?;
        let cpus = aya::util::nr_cpus()
            .map_err(|(what, error)| anyhow::Error::new(error).context(what))?;
        let zeros = PerCpuValues::try_from(vec![[0; size_of::<Tally>()]; cpus])?;
        Ok(self.tally.set(0, zeros, 0)?)
    }

    /// What was counted since, by each CPU.
    fn tallies(&self) -> Result<Vec<Tally>> {
        let values = self.tally.get(&0, 0)?;
        let tallies = values.iter().map(|bytes| Tally::from_bytes(bytes));
        tallies.collect::<Option<_>>().context("a tally's size")
    }

    /// Sends frames into a pair from its near end, and counts what comes back.
    pub fn run(&mut self, pair: &Pair, load: &Load, expect: &Expect, frames: u32) -> Result<Run> {
        self.load.set(0, raw(load)?, 0)?;
        self.expect(expect)?;
        let (length, index) = (load.length as usize + 1, pair.near_index);
        let generate = self.xdp(program::GENERATE)?;
        let began = Instant::now();
        let time = pair.near.inside(|| {
            let options = TestRunOptions {
                repeat: frames,
                attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
                ..TestRunOptions::new()
            };
            let run = test_run(generate, &vec![0; length], index, options);
            Ok(run.context("send live frames")?.0)
        })?;
        let wall = began.elapsed();
        let tallies = self.tallies()?;
        let answers: Vec<u64> = tallies.iter().map(|tally| tally.answers).collect();
        Ok(Run {
            frames: frames.into(),
            answers: answers.iter().sum(),
            others: tallies.iter().map(|tally| tally.others).sum(),
            time: time.mul_f64(frames.into()),
            wall,
            samples: self.kept(&answers)?,
        })
    }

    /// The samples of each CPU that counted so many answers.
    fn kept(&self, answers: &[u64]) -> Result<Vec<Vec<u8>>> {
        let kept = |answers: u64| answers.div_ceil(SAMPLE_EVERY).min(SAMPLES_MAX.into()) as u32;
        let most = answers.iter().copied().map(kept).max().unwrap_or(0);
        let mut samples = Vec::new();
        for place in 0..most {
            let values = self.samples.get(&place, 0)?;
            for (bytes, _) in values
                .iter()
                .zip(answers)
                .filter(|(_, answers)| place < kept(**answers))
            {
                let sample = Sample::from_bytes(bytes).context("a sample's size")?;
                let length = (sample.length as usize).min(sample.frame.len());
                samples.push(sample.frame[..length].to_vec());
            }
        }
        Ok(samples)
    }

    /// Tells the responder that lies what to answer, and how to lie.
    pub fn can(&mut self, canned: &Canned) -> Result<()> {
        Ok(self.canned.set(0, raw(canned)?, 0)?)
    }

    /// Nanoseconds that each next frame of a load costs in a target behind the wrapper, and the target's last action.
    /// To be called inside the namespace of the interface.
    pub fn undone(
        &mut self,
        target: Target<'_>,
        load: &Load,
        index: u32,
        repeat: u32,
    ) -> Result<(f64, u32)> {
        let fd = match target {
            Target::Own(name) => self.xdp(name)?.fd()?.try_clone()?,
            Target::Other(program) => program.fd()?.try_clone()?,
        };
        self.target.set(0, &fd, 0)?;
        self.load.set(0, raw(load)?, 0)?;
        let options = TestRunOptions {
            repeat,
            ..TestRunOptions::new()
        };
        let frame = vec![0; load.length as usize];
        let (time, action) = test_run(self.xdp(program::UNDO)?, &frame, index, options)?;
        Ok((time.as_secs_f64() * 1e9, action))
    }

    /// Nanoseconds that passing a frame costs by test-run: the control of the costs.
    pub fn control(&mut self, frame: &[u8], repeat: u32) -> Result<f64> {
        nanoseconds(self.xdp(program::PASS)?, frame, 0, repeat)
    }
}

/// The program that an interface runs, by the id that the kernel gives it.
pub fn attached(id: u32) -> Result<Xdp> {
    let info = info(id)?;
    Ok(Xdp::from_program_info(
        info,
        "attached".into(),
        aya_obj::programs::XdpAttachType::Interface,
    )?)
}

/// What the kernel says about a program.
pub fn info(id: u32) -> Result<ProgramInfo> {
    let mut programs = loaded_programs().filter_map(Result::ok);
    let info = programs.find(|info| info.id() == id);
    info.with_context(|| format!("no program has the id {id}"))
}

/// Nanoseconds that a program needs for a frame that it passes. To be called inside the namespace of the interface.
pub fn nanoseconds(program: &Xdp, frame: &[u8], index: u32, repeat: u32) -> Result<f64> {
    let options = TestRunOptions {
        repeat,
        ..TestRunOptions::new()
    };
    Ok(test_run(program, frame, index, options)?.0.as_secs_f64() * 1e9)
}

/// The kernel's time for one frame, cut off to whole nanoseconds, and the program's last action.
fn test_run(
    program: &Xdp,
    frame: &[u8],
    index: u32,
    options: TestRunOptions<'_>,
) -> Result<(Duration, u32)> {
    // struct xdp_md: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
    let mut context = [0; 24];
    context[4..8].copy_from_slice(&(frame.len() as u32).to_ne_bytes());
    context[12..16].copy_from_slice(&index.to_ne_bytes());
    let result = program.test_run(TestRunOptions {
        data_in: Some(frame),
        ctx_in: Some(&context),
        ..options
    })?;
    ensure!(!result.duration.is_zero(), "the kernel measured no time");
    Ok((result.duration, result.return_value))
}

fn array<const N: usize>(map: Map) -> Result<Array<MapData, [u8; N]>> {
    Ok(map.try_into()?)
}

fn raw<const N: usize>(value: &impl Plain) -> Result<[u8; N]> {
    Ok(value.bytes().try_into()?)
}
