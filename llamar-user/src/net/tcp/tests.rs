//! Clients in another namespace, well-behaved ones and others.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddrV6, TcpStream as Client};

use tokio::time::timeout;

use super::*;
use crate::link::space::{Peer, addr, in_namespace, ip, until_up};
use crate::net::pair::{SOON, index_of, pair, soon};
use crate::net::udp::PORT;

mod flood;

const WHILE: Duration = Duration::from_millis(150);
const ROUTES: [(&str, &str); 3] = [
    ("10.0.0.2", "10.0.0.1"),
    ("2001:db8::2", "2001:db8::1"),
    ("fe80::2", "fe80::1"),
];
const LIMITS: Limits = Limits {
    connections: 8,
    of_client: 4,
    idle: Duration::from_millis(800),
    patience: Duration::from_millis(400),
};
/// Limits that no test reaches.
const WIDE: Limits = Limits {
    connections: 100,
    of_client: 100,
    idle: Duration::from_secs(60),
    patience: Duration::from_secs(60),
};

fn open(limits: Limits, device: u32) -> Listeners {
    soon(|| {
        let mut listeners = Listeners::with(limits);
        let failures = listeners.follow(&BTreeSet::from([device]), false);
        match failures.is_empty() {
            true => Ok(listeners),
            false => Err(failures),
        }
    })
}

/// Connects from the peer's v1 to an address.
fn connect(peer: &Peer, from: &str, to: &str) -> Client {
    let (from, to) = (addr(from), addr(to));
    peer.run(move || connect_here(from, to).unwrap())
}

fn connect_here(from: IpAddr, to: IpAddr) -> io::Result<Client> {
    let with_scope = |ip: IpAddr, port| match ip {
        IpAddr::V4(ip) => SocketAddr::from((ip, port)),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, index_of("v1")).into(),
    };
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(with_scope(to, PORT)),
        socket2::Type::STREAM,
        None,
    )?;
    socket.bind(&with_scope(from, 0).into())?;
    socket.connect_timeout(&with_scope(to, PORT).into(), SOON)?;
    let client = Client::from(socket);
    client.set_read_timeout(Some(SOON))?;
    client.set_nodelay(true)?;
    Ok(client)
}

fn framed(messages: &[&str]) -> Vec<u8> {
    let framed = messages.iter().map(|text| frame(text.as_bytes()).unwrap());
    framed.collect::<Vec<_>>().concat()
}

/// What a client does in a thread of its own, with the listeners answering meanwhile: each message by itself in
/// capitals, one that begins with a small q by silence.
async fn answering<T: Send + 'static>(
    listeners: &mut Listeners,
    client: impl FnOnce() -> T + Send + 'static,
) -> T {
    let mut done = tokio::task::spawn_blocking(client);
    let all = async {
        loop {
            tokio::select! {
                done = &mut done => return done.unwrap(),
                message = listeners.next() => answer(message),
            }
        }
    };
    timeout(SOON * 4, all).await.expect("the client hangs")
}

fn answer(sent: StreamMessage) {
    let answer = sent.message.to_ascii_uppercase();
    let answer = (!sent.message.starts_with(b"q")).then_some(answer);
    let _ = sent.answer.send(answer);
}

/// The answers that come until the server closes, or as many as are wanted.
fn answers(client: &mut Client, wanted: usize) -> Vec<String> {
    let mut answers = Vec::new();
    while answers.len() < wanted {
        let mut prefix = [0; 2];
        if client.read_exact(&mut prefix).is_err() {
            break;
        }
        let mut message = vec![0; usize::from(u16::from_be_bytes(prefix))];
        client.read_exact(&mut message).unwrap();
        answers.push(String::from_utf8(message).unwrap());
    }
    answers
}

/// How a connection ends on which nothing is answered: in order (true), or by a reset.
fn end(client: &mut Client) -> bool {
    match client.read(&mut [0; 10]) {
        Ok(0) => true,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
        other => panic!("not closed: {other:?}"),
    }
}

// RFC 4795 2.3, 2.4: R2
#[test]
fn a_message_tells_its_interface_both_addresses_and_is_answered_on_its_connection() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let mut listeners = open(WIDE, device);
        for (from, to) in ROUTES {
            let mut client = connect(&peer, from, to);
            let port = client.local_addr().unwrap().port();
            client.write_all(&framed(&["abc"])).unwrap();
            let sent = timeout(SOON, listeners.next()).await.unwrap();
            assert_eq!((sent.device, sent.local), (device, addr(to)));
            assert_eq!((sent.from.ip(), sent.from.port()), (addr(from), port));
            assert_eq!(sent.message, b"abc");
            sent.answer.send(Some(b"answer".to_vec())).unwrap();
            let heard = answering(&mut listeners, move || answers(&mut client, 1)).await;
            assert_eq!(heard, ["answer"]);
        }
    });
}

// RFC 1035 4.2.2: R55
#[test]
fn messages_in_one_segment_or_byte_by_byte_are_answered_in_order() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let mut listeners = open(WIDE, device);
        let messages = ["one", "", "query without an answer", "two", "three"];
        let expected = ["ONE", "", "TWO", "THREE"];
        for piece in [1, 2, 3, 7, 1000] {
            let mut client = connect(&peer, "10.0.0.2", "10.0.0.1");
            let heard = answering(&mut listeners, move || {
                for bytes in framed(&messages).chunks(piece) {
                    client.write_all(bytes).unwrap();
                    std::thread::sleep(Duration::from_millis(1));
                }
                answers(&mut client, expected.len())
            });
            assert_eq!(heard.await, expected, "{piece} bytes at a time");
        }
    });
}

// RFC 1035 4.2.2: R55
#[test]
fn what_was_asked_before_the_client_closed_its_half_is_answered() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let mut listeners = open(WIDE, device);
        for (from, to) in ROUTES {
            let mut client = connect(&peer, from, to);
            client
                .write_all(&framed(&["one", "quiet", "two", "three"]))
                .unwrap();
            client.write_all(&[0, 9, b'n', b'o']).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            // Then the server closes too, in order.
            let heard = answering(&mut listeners, move || {
                (answers(&mut client, 3), end(&mut client))
            });
            assert_eq!(
                heard.await,
                (vec!["ONE".into(), "TWO".into(), "THREE".into()], true)
            );
        }
    });
}

// RFC 4795 2.1: R11; RFC 1035 4.2.2: R55
#[test]
fn a_message_of_9194_bytes_is_taken_in_and_the_longest_answer_goes_out() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let mut listeners = open(WIDE, device);
        let mut client = connect(&peer, "fe80::2", "fe80::1");
        let long = frame(&[b'x'; 9194]).unwrap();
        let mut asking = client.try_clone().unwrap();
        asking.write_all(&long).unwrap();
        let sent = timeout(SOON, listeners.next()).await.unwrap();
        assert_eq!(sent.message, [b'x'; 9194]);
        sent.answer.send(Some(vec![b'y'; 65535])).unwrap();
        // Longer than a length can tell: silence.
        asking.write_all(&framed(&["next"])).unwrap();
        let heard = answering(&mut listeners, move || answers(&mut client, 2)).await;
        assert_eq!((heard[0].len(), heard[1].as_str()), (65535, "NEXT"));
        asking.write_all(&framed(&["third"])).unwrap();
        let sent = timeout(SOON, listeners.next()).await.unwrap();
        sent.answer.send(Some(vec![b'y'; 65536])).unwrap();
        asking.write_all(&framed(&["fourth"])).unwrap();
        let heard = answering(&mut listeners, move || answers(&mut asking, 1)).await;
        assert_eq!(heard, ["FOURTH"]);
    });
}

#[test]
fn a_length_that_no_query_has_closes_its_connection_and_no_other() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let mut listeners = open(WIDE, device);
        let mut other = connect(&peer, "10.0.0.2", "10.0.0.1");
        for announced in [9195u16, 0xffff, u16::from_be_bytes(*b"GE")] {
            let mut client = connect(&peer, "10.0.0.2", "10.0.0.1");
            client.write_all(&framed(&["before"])).unwrap();
            client.write_all(&announced.to_be_bytes()).unwrap();
            let heard = answering(&mut listeners, move || {
                let heard = answers(&mut client, 1);
                let _ = end(&mut client);
                heard
            });
            assert_eq!(heard.await, ["BEFORE"]);
        }
        other.write_all(&framed(&["after"])).unwrap();
        let heard = answering(&mut listeners, move || answers(&mut other, 1)).await;
        assert_eq!(heard, ["AFTER"]);
    });
}

// RFC 1035 4.2.2: R55
#[test]
fn a_connection_is_closed_when_it_was_idle_and_bytes_that_end_no_message_do_not_count() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let mut listeners = open(LIMITS, device);
        for dribbles in [false, true] {
            let (mut client, asked) = keeping(&mut listeners, &peer).await;
            let ended = answering(&mut listeners, move || {
                let bytes = framed(&[&"x".repeat(1000)]);
                client
                    .set_read_timeout(Some(Duration::from_millis(50)))
                    .unwrap();
                for byte in bytes {
                    if dribbles {
                        let _ = client.write_all(&[byte]);
                    }
                    match client.read(&mut [0; 10]) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Ok(0) => return asked.elapsed(),
                        Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                            return asked.elapsed();
                        }
                        other => panic!("{other:?}"),
                    }
                }
                panic!("stays open");
            })
            .await;
            assert!(ended >= LIMITS.idle, "{ended:?}");
        }
    });
}

/// A connection that asking has kept, be it for silence, for longer than an idle one has, and when it was last asked
/// over. A client that was itself kept from asking for so long has proven nothing, and another tries.
async fn keeping(listeners: &mut Listeners, peer: &Peer) -> (Client, Instant) {
    for _ in 0..20 {
        let mut last = Instant::now();
        let mut client = connect(peer, "10.0.0.2", "10.0.0.1");
        let kept = answering(listeners, move || {
            for message in ["one", "quiet", "quiet", "two"] {
                let begin = Instant::now();
                let sent = client.write_all(&framed(&[message]));
                if last.elapsed() >= LIMITS.idle {
                    return None;
                }
                sent.unwrap();
                last = begin;
                std::thread::sleep(LIMITS.idle / 2);
            }
            let heard = answers(&mut client, 2);
            if last.elapsed() >= LIMITS.idle {
                return None;
            }
            assert_eq!(heard, ["ONE", "TWO"]);
            Some((client, last))
        });
        if let Some(kept) = kept.await {
            return kept;
        }
    }
    panic!("no client could ask in time");
}

#[test]
fn a_client_that_does_not_read_its_answers_is_dropped() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let limits = Limits {
            idle: WIDE.idle,
            ..LIMITS
        };
        let mut listeners = open(limits, device);
        let mut client = connect(&peer, "10.0.0.2", "10.0.0.1");
        let ended = answering(&mut listeners, move || {
            client.set_write_timeout(Some(SOON)).unwrap();
            let message = frame(&[b'x'; 9000]).unwrap();
            loop {
                // It blocks when neither side reads, and fails when the server has had enough.
                if let Err(error) = client.write_all(&message) {
                    return error.kind();
                }
            }
        })
        .await;
        assert!(
            matches!(ended, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
            "{ended:?}"
        );
        listeners.reap();
        assert_eq!(listeners.connections.len(), 0);
    });
}

// RFC 1035 4.2.2: R55
#[test]
fn a_client_with_too_many_connections_loses_the_one_idle_longest_and_others_lose_none() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let mut listeners = open(
            Limits {
                idle: WIDE.idle,
                ..LIMITS
            },
            device,
        );
        let mut other = connect(&peer, "fe80::2", "fe80::1");
        let mut clients = Vec::new();
        for _ in 0..LIMITS.of_client {
            clients.push(connect(&peer, "10.0.0.2", "10.0.0.1"));
        }
        // The first one is used, so that the second is idle longest.
        let mut clients = answering(&mut listeners, move || {
            clients[0].write_all(&framed(&["used"])).unwrap();
            assert_eq!(answers(&mut clients[0], 1), ["USED"]);
            clients
        })
        .await;
        clients.push(connect(&peer, "10.0.0.2", "10.0.0.1"));
        answering(&mut listeners, move || {
            assert!(!end(&mut clients[1]));
            clients.remove(1);
            for client in clients.iter_mut().chain([&mut other]) {
                client.write_all(&framed(&["still here"])).unwrap();
                assert_eq!(answers(client, 1), ["STILL HERE"]);
            }
        })
        .await;
    });
}

#[test]
fn a_connection_that_has_ended_takes_no_place() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let limits = Limits {
            idle: WIDE.idle,
            ..LIMITS
        };
        let mut listeners = open(limits, device);
        let mut first = connect(&peer, "10.0.0.2", "10.0.0.1");
        for _ in 0..2 * LIMITS.connections {
            let mut client = connect(&peer, "10.0.0.2", "10.0.0.1");
            answering(&mut listeners, move || {
                client.write_all(&framed(&["one"])).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
                assert_eq!(answers(&mut client, 1), ["ONE"]);
                assert!(end(&mut client));
            })
            .await;
        }
        first.write_all(&framed(&["first"])).unwrap();
        let heard = answering(&mut listeners, move || answers(&mut first, 1)).await;
        assert_eq!(heard, ["FIRST"]);
        listeners.reap();
        assert!(listeners.connections.len() <= 1 && listeners.handles.len() <= 1);
    });
}

// RFC 4795 2.5: R10
#[test]
fn the_syn_ack_and_all_that_follows_it_has_ttl_1() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let mut listeners = open(WIDE, device);
        for (from, to) in ROUTES {
            let (from, to) = (addr(from), addr(to));
            let (mut frames, mut client) = peer.run(move || {
                let frames = frames_here();
                (frames, connect_here(from, to).unwrap())
            });
            let heard = answering(&mut listeners, move || {
                client.write_all(&framed(&["one"])).unwrap();
                answers(&mut client, 1);
                client.shutdown(Shutdown::Write).unwrap();
                assert!(end(&mut client));
                server_segments(&mut frames)
            });
            let heard = heard.await;
            assert_eq!(heard[0], (SYN | ACK, 1), "{heard:?}");
            assert!(heard.iter().any(|(flags, _)| flags & FIN != 0), "{heard:?}");
            assert!(heard.iter().all(|(_, ttl)| *ttl == 1), "{heard:?}");
        }
    });
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const ACK: u8 = 16;

/// A socket for all frames of the calling thread's namespace.
fn frames_here() -> socket2::Socket {
    let all = i32::from((libc::ETH_P_ALL as u16).to_be());
    let frames = socket2::Socket::new(
        socket2::Domain::PACKET,
        socket2::Type::RAW,
        Some(socket2::Protocol::from(all)),
    )
    .unwrap();
    frames.set_read_timeout(Some(WHILE)).unwrap();
    frames
}

/// Flags and TTL or hop limit of the segments that came from our port.
fn server_segments(frames: &mut socket2::Socket) -> Vec<(u8, u8)> {
    let mut segments = Vec::new();
    let mut frame = [0; 2048];
    while frames.read(&mut frame).is_ok() {
        let (protocol, ttl, tcp) = match frame[12..14] {
            [0x08, 0x00] => (frame[23], frame[22], 34),
            [0x86, 0xdd] => (frame[20], frame[21], 54),
            _ => continue,
        };
        if protocol == 6 && frame[tcp..tcp + 2] == PORT.to_be_bytes() {
            segments.push((frame[tcp + 13], ttl));
        }
    }
    segments
}

// RFC 4795 2.3: R2
#[test]
fn only_the_interfaces_that_are_served_are_listened_on() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        ip("link add w0 type veth peer name w1");
        ip("link set w0 up");
        let other = index_of("w0");
        let mut listeners = open(WIDE, other);
        // A listener that was closed a moment ago may still be held by what another test starts.
        let refused = |peer: &Peer| {
            soon(|| {
                let connected = peer.run(|| connect_here(addr("10.0.0.2"), addr("10.0.0.1")));
                match connected.map_err(|error| error.kind()) {
                    Err(ErrorKind::ConnectionRefused) => Ok(()),
                    other => Err(other),
                }
            });
        };
        refused(&peer);
        assert!(
            listeners
                .follow(&BTreeSet::from([other, device]), false)
                .is_empty()
        );
        let mut client = connect(&peer, "10.0.0.2", "10.0.0.1");
        client.write_all(&framed(&["one"])).unwrap();
        let client = answering(&mut listeners, move || {
            assert_eq!(answers(&mut client, 1), ["ONE"]);
            client
        });
        let mut client = client.await;
        // Nothing changes, whatever the interface is called.
        ip("link set v0 down");
        ip("link set v0 name renamed");
        ip("link set renamed up");
        until_up("renamed").await;
        assert!(
            listeners
                .follow(&BTreeSet::from([other, device]), true)
                .is_empty()
        );
        client.write_all(&framed(&["two"])).unwrap();
        let client = answering(&mut listeners, move || {
            assert_eq!(answers(&mut client, 1), ["TWO"]);
            client
        });
        let mut client = client.await;
        assert!(listeners.follow(&BTreeSet::from([other]), false).is_empty());
        assert!(!answering(&mut listeners, move || end(&mut client)).await);
        refused(&peer);
    });
}

#[test]
fn a_port_that_is_held_is_told_once_with_its_holder_and_had_when_it_is_free() {
    for (address, domain, families) in [
        ("0.0.0.0:5355", socket2::Domain::IPV4, &["IPv4"][..]),
        ("[::]:5355", socket2::Domain::IPV6, &["IPv4", "IPv6"]),
    ] {
        in_namespace(async || {
            let (_peer, device) = pair().await;
            let other = socket2::Socket::new(domain, socket2::Type::STREAM, None).unwrap();
            other.set_reuse_address(true).unwrap();
            let address: SocketAddr = address.parse().unwrap();
            other.bind(&address.into()).unwrap();
            other.listen(1).unwrap();
            let mut listeners = Listeners::with(WIDE);
            let devices = BTreeSet::from([device]);
            let failures = listeners.follow(&devices, false);
            assert_eq!(failures.len(), families.len(), "{failures:?}");
            for (failure, family) in failures.iter().zip(families) {
                let text = failure.to_string();
                let begin = format!("tcp port 5355 ({family}) on v0 is held by ");
                assert!(text.starts_with(&begin), "{text}");
                let us = format!("(pid {})", std::process::id());
                assert!(text.contains(&us), "{text}");
            }
            assert!(listeners.follow(&devices, true).is_empty());
            drop(other);
            assert!(listeners.follow(&devices, false).is_empty());
            assert!(listeners.sockets.values().any(Option::is_none));
            soon(|| {
                assert!(listeners.follow(&devices, true).is_empty());
                match listeners.sockets.values().all(Option::is_some) {
                    true => Ok(()),
                    false => Err("the port stays held"),
                }
            });
        });
    }
}

#[test]
fn an_interface_that_is_not_there_is_told() {
    in_namespace(async || {
        let failures = Listeners::with(WIDE).follow(&BTreeSet::from([4711]), false);
        assert_eq!(failures.len(), 2);
        let text = failures[0].to_string();
        let begin = "listen on tcp port 5355 (IPv4) on interface 4711: ";
        assert!(text.starts_with(begin), "{text}");
    });
}

#[test]
fn an_agent_listens_again_at_once_where_another_has_just_ended() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        for _ in 0..3 {
            let mut listeners = open(WIDE, device);
            let mut client = connect(&peer, "10.0.0.2", "10.0.0.1");
            client.write_all(&framed(&["one"])).unwrap();
            let heard = answering(&mut listeners, move || answers(&mut client, 1)).await;
            assert_eq!(heard, ["ONE"]);
        }
    });
}

#[test]
fn dropped_futures_lose_nothing() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let mut listeners = open(WIDE, device);
        let mut client = connect(&peer, "10.0.0.2", "10.0.0.1");
        let mut dropped = 0;
        for text in ["one", "two", "three"] {
            client.write_all(&framed(&[text])).unwrap();
            let begin = Instant::now();
            loop {
                let polled_once = tokio::select! {
                    biased;
                    sent = listeners.next() => Some(sent),
                    () = std::future::ready(()) => None,
                };
                if let Some(sent) = polled_once {
                    assert_eq!(sent.message, text.as_bytes());
                    answer(sent);
                    break;
                }
                tokio::task::yield_now().await;
                dropped += 1;
                assert!(begin.elapsed() < SOON);
            }
        }
        assert!(dropped > 0);
        let heard = answering(&mut listeners, move || answers(&mut client, 3)).await;
        assert_eq!(heard, ["ONE", "TWO", "THREE"]);
    });
}

#[test]
fn the_task_of_a_connection_is_smaller_than_a_kilobyte() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let listeners = open(WIDE, device);
        let client = connect(&peer, "10.0.0.2", "10.0.0.1");
        let (stream, from) = listeners.sockets[&(device, Family::Ipv4)]
            .as_ref()
            .unwrap()
            .accept()
            .await
            .unwrap();
        let connection = Connection {
            stream,
            device,
            from,
            limits: WIDE,
            messages: listeners.sender.clone(),
        };
        let size = size_of_val(&connection.serve());
        assert!(size < 1024, "{size} bytes");
        drop(client);
    });
}
