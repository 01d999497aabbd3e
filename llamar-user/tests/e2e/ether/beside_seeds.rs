//! The programs that stand whole in the seed documents, run by Python beside ours. They are taken out of the documents when
//! the test runs: no copy of them is here.

use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use super::links;
use super::old_names::blocks;
use crate::support::net::{Namespace, run};
use crate::support::peers::Peer;
use crate::support::process::Process;
use crate::support::scene::Scene;
use crate::support::seeds::{changed, document, part};
use crate::support::wait_until;

/// Python, and a folder for its programs.
struct Python {
    python: Peer,
    folder: tempfile::TempDir,
}

impl Python {
    fn find() -> Option<Self> {
        let python = Peer::find("python3")?;
        let folder = tempfile::tempdir().expect("make a folder");
        Some(Self { python, folder })
    }

    /// A command that runs a program in a namespace.
    fn command(&self, from: &Namespace, name: &str, program: &str) -> Command {
        let file = self.folder.path().join(name);
        std::fs::write(&file, program).expect("write the program");
        let mut command = from.service(&self.python.text());
        // As at a terminal, where each line is seen when it is printed.
        command.arg("-u").arg(file);
        command
    }

    /// What Python makes of an expression of `data`, which has these bytes.
    fn evaluated(&self, data: &[u8], expression: &str) -> String {
        let mut command = self.python.command();
        let digits: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
        command.arg("-c").arg(format!(
            "data = bytes.fromhex('{digits}')\nprint({expression})"
        ));
        let output = run(command.stdin(Stdio::null()));
        String::from_utf8(output.stdout)
            .expect("text")
            .trim_end()
            .to_owned()
    }
}

/// The server and the client of the lesson, for `eth0`.
fn lesson() -> Option<(String, String)> {
    let document = document("002")?;
    let server = part(
        &document,
        "the script server.py\nis as follows:\n",
        "s.close()\n",
    );
    let client = part(
        &document,
        "the script client.py\nis as follows:\n",
        "s.close()\n",
    );
    let server = changed(server, "interface = 'enp0s3'", "interface = 'eth0'");
    Some((
        server,
        changed(client, "interface = 'enp0s10'", "interface = 'eth0'"),
    ))
}

/// What pyngd prints of a frame, as Python formats it.
const PYNGD: &str = "'dst: %s, src: %s, type: %s, payload: %r...' % (':'.join('%02x' % b for b in data[:6]), \
                     ':'.join('%02x' % b for b in data[6:12]), hex(data[12] * 256 + data[13]), data[14:18])";

#[test]
fn the_server_of_the_lesson_receives_what_pyng_sends() {
    let (server, _) = or_skip!(lesson());
    let (python, scene) = (or_skip!(Python::find()), or_skip!(Scene::quiet()));
    let links = links();
    let mut pyngd = links.start(&scene.peer, "pyngd eth0");
    let mut server = Process::start(
        "server.py",
        python.command(&scene.peer, "server.py", &server),
    );
    let line = "dst: 02:00:00:00:00:02, src: 02:00:00:00:00:01, type: 0x88b5, payload: b'Hi'...";
    wait_until("both to receive the frame", || {
        links.run(&scene.host, "pyng 02:00:00:00:00:02 eth0");
        !server.said().is_empty() && pyngd.said().contains(line)
    });
    assert!(server.wait().success());
    let frame = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x88\xb5Hi";
    assert_eq!(server.said().trim_end(), python.evaluated(frame, "data"));
    pyngd.signal(Signal::SIGINT);
    assert_eq!(pyngd.wait().code(), Some(0));
}

#[test]
fn pyngd_shows_what_the_client_of_the_lesson_sends() {
    let (_, client) = or_skip!(lesson());
    let (python, scene) = (or_skip!(Python::find()), or_skip!(Scene::quiet()));
    let links = links();
    let mut pyngd = links.start(&scene.peer, "pyngd eth0");
    let line = "dst: 08:00:27:dd:d7:43, src: 08:00:27:8e:75:44, type: 0x88b5, payload: b'Hi'...";
    wait_until("a line of the client's frame", || {
        run(&mut python.command(&scene.host, "client.py", &client));
        pyngd.said().contains(line)
    });
    pyngd.signal(Signal::SIGTERM);
    assert_eq!(pyngd.wait().code(), Some(0));
}

#[test]
fn pyngd_writes_bytes_as_python_does() {
    let (python, scene) = (or_skip!(Python::find()), or_skip!(Scene::quiet()));
    let links = links();
    let mut pyngd = links.start(&scene.peer, "pyngd eth0");
    wait_until("pyngd to be at work", || {
        links.run(&scene.host, "pyng 02:00:00:00:00:02 eth0");
        !pyngd.said().is_empty()
    });
    let wire = crate::support::wire::Wire::open(&scene.host, "eth0");
    // Every byte, in fours, and each mixture of quotes.
    let mut payloads: Vec<Vec<u8>> = (0..=255_u8)
        .collect::<Vec<_>>()
        .chunks(4)
        .map(<[u8]>::to_vec)
        .collect();
    payloads.extend([&b"''"[..], b"\"'", b"\"\"", b"'\"\\'", b"", b"\\"].map(<[u8]>::to_vec));
    let head = b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x08\x0a";
    let frames: Vec<_> = payloads
        .iter()
        .map(|payload| [head, &payload[..]].concat())
        .collect();
    frames.iter().for_each(|frame| wire.send(frame));
    let told = |said: &str| -> Vec<String> {
        let lines = said.lines().filter(|line| line.contains("type: 0x80a"));
        lines.map(String::from).collect()
    };
    wait_until("a line of each frame", || {
        told(&pyngd.said()).len() == frames.len()
    });
    let all = frames.concat();
    let lengths: Vec<_> = frames.iter().map(|frame| frame.len().to_string()).collect();
    let each = format!(
        "(lambda rows: '\\n'.join({}))([data[sum(l[:i]):sum(l[:i + 1])] for l in [[{}]] for i in range(len(l))])",
        "(lambda data: ROW)(row) for row in rows".replace("ROW", PYNGD),
        lengths.join(",")
    );
    let expected = python.evaluated(&all, &each);
    assert_eq!(told(&pyngd.said()), expected.lines().collect::<Vec<_>>());
    pyngd.signal(Signal::SIGINT);
    pyngd.wait();
}

/// The terminal, with what the posted text has lost, its print statement as a call, without its question to DNS, and for
/// `eth0`.
fn terminal() -> Option<String> {
    let document = document("003")?;
    let program = part(
        &document,
        "### Ethernet packet sender/receiver",
        "lastTime = now\n",
    );
    // The posted program ends without a call of what it defines.
    let program = format!("#{program}\nterminal()\n");
    let program = changed(
        &program,
        "\n         packet = sock.recv",
        "\n      try:\n         packet = sock.recv",
    );
    let program = changed(
        &program,
        "except socket.error:\n",
        "except socket.error:\n         pass\n      else:\n",
    );
    // The same arguments as those of the statement of Python 2.
    let program = changed(&program, "   print message, len", "   print(message, len");
    let program = changed(
        &program,
        "Payload(packet) # !! Python 2 !!",
        "Payload(packet))",
    );
    let program = changed(
        &program,
        "host = socket.gethostbyname(socket.gethostname())",
        "",
    );
    Some(changed(
        &program,
        "Interface = \"eth1\"",
        "Interface = \"eth0\"",
    ))
}

#[test]
fn the_terminal_and_ours_print_the_same_of_the_same_frames() {
    let program = or_skip!(terminal());
    let (python, scene) = (or_skip!(Python::find()), or_skip!(Scene::quiet()));
    let links = links();
    let options = "--lm 00123456789a --rm 00a987654321";
    let ours = format!("eterm {options} --interface eth0");
    let mut ours = links.start(&scene.host, &ours);
    let mut command = python.command(&scene.host, "eterm.py", &program);
    command.args(options.split(' '));
    let mut theirs = Process::start("eterm.py", command);
    // Each hears what the other sends, and theirs sends only after it has heard something.
    let wire = scene.wire();
    let begin = b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x02\x88\xb6";
    wait_until("both to hear the wire, and theirs to send", || {
        wire.send(&[&begin[..], b"begin"].concat());
        let has = |said: String, word: &str| said.contains(word);
        has(ours.said(), "626567696e")
            && has(theirs.said(), "626567696e")
            && has(theirs.said(), "Sent:")
    });
    wait_until("ours to send", || ours.said().contains("Sent:"));
    for payload in [&b""[..], b"\0", b"Hi", &[7; 1499]] {
        wire.send(&[&begin[..], payload, b"\xaa"].concat());
    }
    wire.send(&[&begin[..12], b"\x81\0\0\x64", &begin[12..], b"end"].concat());
    for process in [&ours, &theirs] {
        wait_until("the last frame", || {
            process.said().contains("Payload: 656e64")
        });
    }
    ours.signal(Signal::SIGINT);
    assert_eq!(ours.wait().code(), Some(0));
    // Python looks at a SIGINT that comes just before it waits for a frame only after that frame.
    theirs.signal(Signal::SIGTERM);
    theirs.wait();
    let (ours, theirs) = (blocks(&ours.said()), blocks(&theirs.said()));
    let heard = |blocks: &[String]| -> Vec<String> {
        let of_wire =
            |block: &&String| block.contains("SMAC: 020000000002") && !block.contains("626567696e");
        blocks.iter().filter(of_wire).cloned().collect()
    };
    assert_eq!(heard(&ours), heard(&theirs));
    assert_eq!(heard(&ours).len(), 5);
    for kind in ["Sent:    30\n", "Received: 30\n"] {
        let first =
            |blocks: &[String]| blocks.iter().find(|block| block.starts_with(kind)).cloned();
        assert!(first(&ours).is_some(), "{kind}");
        assert_eq!(first(&ours), first(&theirs));
    }
}
