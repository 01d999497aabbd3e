//! Bulk TCP through a pair: what an XDP program costs those who have nothing to do with it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

use super::FEW;
use super::agent::Setup;
use super::measure::{Bench, Served, program_of};
use super::report::Report;
use super::scene::{HOST_V4, Pair};

/// Bytes of one write.
const CHUNK: usize = 128 * 1024;

/// TCP through an interface with the program in generic mode, between two runs through one without.
pub fn measure(bench: &mut Bench, report: &mut Report) -> Result<()> {
    let plain = Pair::new(&bench.bin.join("ip"), "plain")?;
    let generic = Pair::new(&bench.bin.join("ip"), "generic")?;
    let directory = bench.directory.join("generic");
    let setup = Setup::new(FEW, "generic");
    // The agent lives as long as this.
    let served = Served::start(&bench.llamar, generic, &directory, &setup)?;
    let generic = &served.pair;
    program_of(&bench.bin, generic).context("generic mode")?;
    let mut ratios = Vec::new();
    for _ in 0..bench.extent.rounds {
        bench.progress.step("TCP beside generic XDP");
        let time = bench.extent.time;
        let before = rate(&plain, time)?;
        let beside = rate(generic, time)?;
        let after = rate(&plain, time)?;
        ratios.push(beside / f64::midpoint(before, after));
    }
    report.figure("other_tcp_ratio_generic", &ratios);
    Ok(())
}

/// Sends from the near end to the far one for so long; bytes in a second, as they arrived.
fn rate(pair: &Pair, time: Duration) -> Result<f64> {
    let listener = pair
        .far
        .inside(|| TcpListener::bind((HOST_V4, 0)).context("listen"))?;
    let to = listener.local_addr()?;
    let mut sender = pair
        .near
        .inside(|| TcpStream::connect(to).with_context(|| format!("connect to {to}")))?;
    let (receiver, _) = listener.accept().context("accept a connection")?;
    thread::scope(|scope| {
        let received = scope.spawn(move || receive(receiver));
        let chunk = vec![0x55; CHUNK];
        let began = Instant::now();
        while began.elapsed() < time {
            sender.write_all(&chunk).context("send")?;
        }
        drop(sender);
        let received = received
            .join()
            .map_err(|_| anyhow!("the receiver panicked"))??;
        Ok(received as f64 / began.elapsed().as_secs_f64())
    })
}

fn receive(mut stream: TcpStream) -> Result<u64> {
    let (mut buffer, mut sum) = (vec![0; CHUNK], 0);
    loop {
        match stream.read(&mut buffer).context("receive")? {
            0 => return Ok(sum),
            length => sum += length as u64,
        }
    }
}
