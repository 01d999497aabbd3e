//! Clients that mean no good, beside one that does.

use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::link::space::sysctl;

/// How long a client may wait for its answer while others flood.
const DEADLINE: Duration = Duration::from_secs(20);
const SILENT: usize = 10_000;
const SYNS: usize = 5_000;
/// Time for a flood, all of which comes within it on an idle machine.
const FLOOD: Duration = Duration::from_secs(20);

/// Asks until there is an answer, each time over a new connection; how long it took. A flood may take away a connection
/// that was made but did not ask yet.
fn ask_here(from: &str, to: &str) -> Duration {
    let begin = Instant::now();
    while begin.elapsed() < DEADLINE {
        let asked = connect_here(addr(from), addr(to)).and_then(|mut client| {
            client.write_all(&framed(&["hello"]))?;
            Ok(answers(&mut client, 1))
        });
        match asked {
            Ok(heard) if heard == ["HELLO"] => return begin.elapsed(),
            other => eprintln!("asked in vain for {:?}: {other:?}", begin.elapsed()),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("no answer for {:?}", begin.elapsed());
}

/// Floods from one thread of the peer's namespace while another one asks; the longest time an answer took, and what
/// the flood gave. Answers meanwhile, and checks that no limit is passed.
async fn flooded<T: Send + 'static>(
    listeners: &mut Listeners,
    peer: Peer,
    flood: impl FnOnce() -> T + Send + 'static,
) -> (Duration, T) {
    let limit = listeners.limits.connections;
    let mut done = tokio::task::spawn_blocking(move || {
        peer.run(move || {
            let ended = Arc::new(AtomicBool::new(false));
            let flooding = {
                let ended = Arc::clone(&ended);
                std::thread::spawn(move || {
                    let given = flood();
                    ended.store(true, Ordering::Relaxed);
                    given
                })
            };
            let mut longest = Duration::ZERO;
            loop {
                // Once more when all of the flood is there.
                let last = ended.load(Ordering::Relaxed);
                for (from, to) in ROUTES {
                    longest = longest.max(ask_here(from, to));
                }
                if last {
                    return (longest, flooding.join().unwrap());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    });
    let (longest, given) = loop {
        tokio::select! {
            done = &mut done => break done.unwrap(),
            message = listeners.next() => answer(message),
        }
        assert!(listeners.handles.len() <= limit);
        assert!(listeners.connections.len() <= limit + BATCH);
    };
    // What the agent says is what the kernel has, as soon as no process of another test is there that was forked
    // meanwhile and has all descriptors of this one.
    soon(|| match accepted_here() {
        few if few <= limit + BATCH => Ok(()),
        many => Err(many),
    });
    (longest, given)
}

/// The connections of this namespace that have a file descriptor.
fn accepted_here() -> usize {
    // The kernel may tell of one twice while others come and go.
    let mut inodes = std::collections::HashSet::new();
    for table in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/thread-self/net/{table}")).unwrap();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let open = OPEN.contains(&fields[3]);
            if open && fields[1].ends_with(":14EB") && fields[9] != "0" {
                inodes.insert(fields[9].to_owned());
            }
        }
    }
    inodes.len()
}

/// Established, or closed by the client alone: in all other states it was closed here, and keeps its inode's number.
const OPEN: [&str; 2] = ["01", "08"];
const HALF_OPEN: &str = "03";

// RFC 1035 4.2.2: R55
#[test]
fn ten_thousand_silent_connections_leave_others_served() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        // Each from an address of its own, so that no client's limit helps.
        ip("route add 10.1.0.0/16 via 10.0.0.2");
        peer.run(|| ip("route add local 10.1.0.0/16 dev lo"));
        let mut listeners = open(Limits::of_process(), device);
        let places = listeners.limits.connections;
        let (longest, made) = flooded(&mut listeners, peer, move || {
            let (begin, mut made) = (Instant::now(), 0);
            let mut open = std::collections::VecDeque::new();
            while made < SILENT && begin.elapsed() < FLOOD {
                let [.., high, low] = made.to_be_bytes();
                let from = Ipv4Addr::new(10, 1, high, low).into();
                open.push_back(connect_here(from, addr("10.0.0.1")).unwrap());
                made += 1;
                // Twice what has a place: the rest was reset, and only takes up this process's files.
                if open.len() > 2 * places {
                    open.pop_front();
                }
            }
            (made, open)
        })
        .await;
        assert!(longest < DEADLINE, "{longest:?}");
        assert!(made.0 > 2 * places, "only {} connections were made", made.0);
        eprintln!(
            "{} silent connections, {longest:?} at the longest for an answer",
            made.0
        );
    });
}

#[test]
fn five_thousand_half_open_connections_leave_others_served() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        // What the system's default is: a full queue is answered by cookies.
        sysctl("ipv4/tcp_syncookies", "1");
        let mut listeners = open(Limits::of_process(), device);
        let (longest, ()) = flooded(&mut listeners, peer, || {
            let raw = socket2::Socket::new(
                socket2::Domain::IPV4,
                socket2::Type::RAW,
                Some(socket2::Protocol::from(libc::IPPROTO_RAW)),
            )
            .unwrap();
            let to = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 1), 0)).into();
            for number in 0..SYNS {
                raw.send_to(&syn(number), &to).unwrap();
            }
        })
        .await;
        assert!(longest < DEADLINE, "{longest:?}");
        let text = fs::read_to_string("/proc/thread-self/net/tcp").unwrap();
        let states = text
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().nth(3));
        let half_open = states.filter(|state| *state == HALF_OPEN).count();
        assert!(
            (100..SYNS).contains(&half_open),
            "{half_open} half-open connections"
        );
        eprintln!("{half_open} half-open connections, {longest:?} at the longest for an answer");
    });
}

/// An IPv4 packet: the first segment of a connection from a host that does not exist.
fn syn(number: usize) -> Vec<u8> {
    let from = [10, 0, 0, 100 + (number % 100) as u8];
    let mut packet = vec![0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0];
    packet.extend(from);
    packet.extend([10, 0, 0, 1]);
    packet.extend((1024 + number as u16).to_be_bytes());
    packet.extend(PORT.to_be_bytes());
    packet.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, SYN, 0x10, 0, 0, 0, 0, 0]);
    // RFC 9293 3.1: over a pseudo-header too.
    let pseudo = [0, 6, 0, 20];
    let covered = [&packet[12..], &pseudo].concat();
    let sum: u32 = covered
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    packet[36..38].copy_from_slice(&sum.to_be_bytes());
    packet
}

#[test]
fn malformed_lengths_and_half_messages_leave_others_served() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        // Of the flooder's own host, connections go by its limit.
        peer.run(|| ip("addr add 10.0.0.10/24 dev v1"));
        let mut listeners = open(Limits::of_process(), device);
        let (longest, ()) = flooded(&mut listeners, peer, || {
            let mut open = Vec::new();
            for number in 0..600 {
                let mut client = connect_here(addr("10.0.0.10"), addr("10.0.0.1")).unwrap();
                let bytes: &[u8] = match number % 5 {
                    0 => &[0xff; 3000],
                    1 => &[0; 3000],
                    2 => &[0x23],
                    3 => &[0x23, 0xea, 1, 2, 3],
                    _ => b"GET / HTTP/1.1\r\n\r\n",
                };
                // The server may have had enough of it already.
                let _ = client.write_all(bytes);
                if number % 2 == 0 {
                    open.push(client);
                }
            }
        })
        .await;
        assert!(longest < DEADLINE, "{longest:?}");
        assert!(listeners.handles.len() <= listeners.limits.of_client + ROUTES.len());
    });
}

#[test]
fn clients_that_ask_without_end_leave_others_served() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let mut listeners = open(Limits::of_process(), device);
        let (longest, heard) = flooded(&mut listeners, peer, || {
            let ended = AtomicBool::new(false);
            let asking = |mut client: Client| {
                let mut heard = 0;
                while !ended.load(Ordering::Relaxed) {
                    client.write_all(&framed(&["hello"; 100])).unwrap();
                    heard += answers(&mut client, 100).len();
                }
                heard
            };
            let clients =
                [(); 8].map(|()| connect_here(addr("10.0.0.2"), addr("10.0.0.1")).unwrap());
            std::thread::scope(|scope| {
                let threads = clients.map(|client| scope.spawn(|| asking(client)));
                std::thread::sleep(Duration::from_secs(1));
                ended.store(true, Ordering::Relaxed);
                threads.map(|thread| thread.join().unwrap())
            })
        })
        .await;
        assert!(longest < DEADLINE, "{longest:?}");
        // None of them is served at the cost of another.
        let (least, most) = (heard.iter().min().unwrap(), heard.iter().max().unwrap());
        assert!(*least > 0 && least * 10 > *most, "{heard:?}");
    });
}

/// Runs itself again as a process that may have few files open.
#[test]
fn without_file_descriptors_it_waits_and_gives_up_idle_connections() {
    const FEW: &str = "LLAMAR_TEST_HAS_FEW_FILES";
    if std::env::var_os(FEW).is_some() {
        return in_namespace(few_files);
    }
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 100 && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg("net::tcp::tests::flood::without_file_descriptors_it_waits_and_gives_up_idle_connections")
        .env(FEW, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{errors}"
    );
}

async fn few_files() {
    let (peer, device) = pair().await;
    // More than there are files.
    let mut listeners = open(WIDE, device);
    let mut polls = 0;
    let mut clients = connect_all(&peer);
    assert!(clients.len() > 40, "{}", clients.len());
    // None can be accepted, and no connection be given up.
    let waits = poll_fn(|context| {
        polls += 1;
        listeners.poll_next(context)
    });
    assert!(timeout(PAUSE * 10, waits).await.is_err());
    assert!(polls < 50, "{polls} turns in half a second");
    assert_eq!(listeners.handles.len(), 0);

    // Half of the files are free now: those who are still there are accepted.
    clients.drain(..clients.len() / 2);
    ask_last(&mut listeners, &mut clients).await;
    // All are taken again, a part of them by idle connections.
    let before = listeners.handles.len();
    assert!(before > 10, "{before}");
    clients.extend(connect_all(&peer));
    ask_last(&mut listeners, &mut clients).await;
}

/// Connects as often as there are files.
fn connect_all(peer: &Peer) -> Vec<Client> {
    peer.run(|| {
        let connect = || connect_here(addr("10.0.0.2"), addr("10.0.0.1"));
        std::iter::repeat_with(connect)
            .map_while(Result::ok)
            .collect()
    })
}

/// The last client asks and is answered.
async fn ask_last(listeners: &mut Listeners, clients: &mut Vec<Client>) {
    let mut client = clients.pop().unwrap();
    answering(listeners, move || {
        client.write_all(&framed(&["hello"])).unwrap();
        assert_eq!(answers(&mut client, 1), ["HELLO"]);
    })
    .await;
}
