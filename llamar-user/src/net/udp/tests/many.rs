//! Many datagrams at a time.

use std::io::ErrorKind;

use super::*;

const LONGEST: usize = 100;

/// Takes datagrams until there are so many.
async fn take(groups: &Groups, inbox: &mut Inbox, count: usize) -> Vec<(String, Datagram)> {
    let mut taken = Vec::new();
    let all = async {
        while taken.len() < count {
            groups.recv_all(inbox).await.unwrap();
            while let Some((datagram, bytes)) = inbox.take() {
                taken.push((String::from_utf8_lossy(bytes).into_owned(), datagram));
            }
        }
    };
    timeout(SOON, all)
        .await
        .expect("datagrams that are missing");
    taken
}

/// Sends numbers from a new socket of the peer to the group of its family.
fn count_to(peer: &Peer, from: &'static str, count: usize) -> Asker {
    peer.run(move || {
        let (from, scope) = (addr(from), index_of("v1"));
        let at: SocketAddr = match from {
            IpAddr::V4(from) => (from, 0).into(),
            IpAddr::V6(from) => SocketAddrV6::new(from, 0, 0, scope).into(),
        };
        let socket = Asker::bind(at).unwrap();
        let to: SocketAddr = match from {
            IpAddr::V4(from) => {
                let options = SockRef::from(&socket);
                options.set_multicast_if_v4(&from).unwrap();
                (GROUP_V4, PORT).into()
            }
            IpAddr::V6(_) => SocketAddrV6::new(GROUP_V6, PORT, 0, scope).into(),
        };
        for number in 0..count {
            socket.send_to(number.to_string().as_bytes(), to).unwrap();
        }
        socket.set_read_timeout(Some(SOON)).unwrap();
        socket
    })
}

/// Gives everything in an outbox to the sockets; what became of each.
fn send(groups: &Groups, outbox: &mut Outbox<usize>) -> Vec<(usize, Result<(), ErrorKind>)> {
    let mut told = Vec::new();
    groups.send_all(outbox, |letter, sent| {
        told.push((letter.mark, sent.map_err(|error| error.kind())));
    });
    told
}

#[test]
fn datagrams_that_wait_are_taken_together_in_their_order() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let groups = Groups::bind().unwrap();
        groups.join(device).unwrap();
        let mut inbox = Inbox::new(LONGEST);
        for (sender, to) in [("10.0.0.2", "224.0.0.252"), ("2001:db8::2", "ff02::1:3")] {
            let asker = count_to(&peer, sender, 100);
            let port = asker.local_addr().unwrap().port();
            let taken = take(&groups, &mut inbox, 100).await;
            assert_eq!(taken.len(), 100);
            for (number, (text, datagram)) in taken.into_iter().enumerate() {
                assert_eq!(
                    (text, datagram.length),
                    (number.to_string(), number.to_string().len())
                );
                let from = (datagram.from.ip(), datagram.from.port());
                assert_eq!(from, (addr(sender), port));
                assert_eq!((datagram.to, datagram.device), (addr(to), device));
            }
        }
    });
}

#[test]
fn a_flood_of_one_family_does_not_keep_the_other_waiting() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let groups = Groups::bind().unwrap();
        groups.join(device).unwrap();
        for (flood, other) in [("10.0.0.2", "fe80::2"), ("fe80::2", "10.0.0.2")] {
            count_to(&peer, flood, 150);
            let group = if addr(other).is_ipv4() {
                "224.0.0.252"
            } else {
                "ff02::1:3"
            };
            ask(&peer, other, group, "other");
            let taken = take(&groups, &mut Inbox::new(LONGEST), 151).await;
            let place = taken.iter().position(|(text, _)| text == "other").unwrap();
            assert!(place < 100, "{other} came after {place} of {flood}");
        }
    });
}

#[test]
fn what_is_too_long_is_dropped_from_among_others() {
    in_namespace(async || {
        let (peer, _) = pair().await;
        let groups = Groups::bind().unwrap();
        for text in ["first", "a long one", "next", "another long one"] {
            ask(&peer, "10.0.0.2", "10.0.0.1", text);
        }
        ask(&peer, "fe80::2", "fe80::1", "last");
        let mut inbox = Inbox::new(5);
        let mut texts: Vec<_> = take(&groups, &mut inbox, 3).await;
        texts.sort_by(|(left, _), (right, _)| left.cmp(right));
        let texts: Vec<&str> = texts.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts, ["first", "last", "next"]);
        assert!(inbox.take().is_none());
    });
}

// RFC 4795 2.5: R7, R9
#[test]
fn answers_that_leave_together_have_each_its_own_source_and_asker_and_ttl_255() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        ip("addr add 10.0.0.77/24 dev v0");
        ip("addr add 2001:db8::77/64 dev v0 nodad");
        let groups = Groups::bind().unwrap();
        groups.join(device).unwrap();
        let ways = [
            ("10.0.0.2", "10.0.0.1"),
            ("10.0.0.2", "10.0.0.77"),
            ("fe80::2", "fe80::1"),
            ("2001:db8::2", "2001:db8::77"),
            ("10.0.0.2", "10.0.0.1"),
            ("2001:db8::2", "2001:db8::1"),
        ];
        let mut outbox = Outbox::default();
        let mut askers = Vec::new();
        for (number, (from, source)) in ways.into_iter().enumerate() {
            let group = if addr(from).is_ipv4() {
                "224.0.0.252"
            } else {
                "ff02::1:3"
            };
            let asker = ask(&peer, from, group, "query");
            tell_ttl(&asker);
            let (_, datagram) = receives(&groups).await;
            let answer = format!("answer {number}");
            outbox.push(
                answer.as_bytes(),
                datagram.from,
                addr(source),
                device,
                number,
            );
            askers.push((asker, answer, source));
        }
        let told = send(&groups, &mut outbox);
        assert_eq!(told, Vec::from_iter((0..6).map(|number| (number, Ok(())))));
        for (asker, answer, source) in askers {
            let (text, from, ttl) = peer.run(move || receive_with_ttl(&asker));
            let from = (from.ip(), from.port());
            assert_eq!((text, from, ttl), (answer, (addr(source), PORT), 255));
        }
        assert!(send(&groups, &mut outbox).is_empty());
    });
}

#[test]
fn many_answers_to_one_asker_arrive_one_by_one() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let groups = Groups::bind().unwrap();
        groups.join(device).unwrap();
        for (from, source) in [("10.0.0.2", "10.0.0.1"), ("fe80::2", "fe80::1")] {
            let asker = count_to(&peer, from, 1);
            let (_, datagram) = receives(&groups).await;
            let mut outbox = Outbox::default();
            // Some are longer than the link takes and go in fragments.
            let lengths = [40, 40, 40, 2000, 2000, 60, 60, 40].into_iter();
            let lengths = lengths.chain([50; 90]);
            let answers: Vec<_> = lengths
                .enumerate()
                .map(|(n, length)| vec![n as u8; length])
                .collect();
            for (number, answer) in answers.iter().enumerate() {
                outbox.push(answer, datagram.from, addr(source), device, number);
            }
            let told = send(&groups, &mut outbox);
            let expected = (0..answers.len()).map(|number| (number, Ok(())));
            assert_eq!(told, Vec::from_iter(expected));
            let count = answers.len();
            let heard = peer.run(move || {
                let mut bytes = [0; 4000];
                let mut heard = || {
                    let length = asker.recv(&mut bytes).unwrap();
                    bytes[..length].to_vec()
                };
                Vec::from_iter((0..count).map(|_| heard()))
            });
            assert_eq!(heard, answers);
        }
    });
}

#[test]
fn an_answer_that_cannot_be_sent_takes_no_other_with_it() {
    in_namespace(async || {
        let (peer, device) = pair().await;
        let groups = Groups::bind().unwrap();
        groups.join(device).unwrap();
        let asker = count_to(&peer, "10.0.0.2", 1);
        let (_, datagram) = receives(&groups).await;
        let sources = "10.0.0.1 10.0.0.99 10.0.0.99 10.0.0.99 10.0.0.1 10.0.0.1 fe80::1 10.0.0.1 10.0.0.99 fe80::1";
        let sources: Vec<&str> = sources.split(' ').collect();
        let mut outbox = Outbox::default();
        for (number, source) in sources.iter().enumerate() {
            let answer = number.to_string();
            outbox.push(
                answer.as_bytes(),
                datagram.from,
                addr(source),
                device,
                number,
            );
        }
        let told = send(&groups, &mut outbox);
        for (number, source) in sources.iter().enumerate() {
            let (mark, sent) = &told[number];
            assert_eq!(
                (*mark, sent.is_ok()),
                (number, *source == "10.0.0.1"),
                "{sent:?}"
            );
        }
        assert_eq!(told.len(), sources.len());
        for number in ["0", "4", "5", "7"] {
            let asker = asker.try_clone().unwrap();
            let heard = peer.run(move || {
                let mut bytes = [0; 100];
                let length = asker.recv(&mut bytes).unwrap();
                String::from_utf8_lossy(&bytes[..length]).into_owned()
            });
            assert_eq!(heard, number);
        }
    });
}

#[test]
fn what_has_no_room_in_the_kernel_is_lost_and_told_one_by_one() {
    in_namespace(async || {
        let (_peer, device) = pair().await;
        let groups = Groups::bind().unwrap();
        SockRef::from(&groups.ipv4).set_send_buffer_size(1).unwrap();
        let mut outbox = Outbox::default();
        for number in 0..40 {
            // Nobody is there: they wait for his hardware address.
            let to = SocketAddr::from(([10, 0, 0, 200], 4000 + number as u16));
            outbox.push(&[0; 1000], to, addr("10.0.0.1"), device, number);
        }
        let told = send(&groups, &mut outbox);
        let marks: Vec<usize> = told.iter().map(|(mark, _)| *mark).collect();
        assert_eq!(marks, Vec::from_iter(0..40));
        let lost = told
            .iter()
            .filter(|(_, sent)| *sent == Err(ErrorKind::WouldBlock));
        assert!(told[0].1.is_ok() && lost.count() > 20, "{told:?}");
    });
}
