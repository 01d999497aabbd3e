//! Many datagrams at a time.

use std::io::ErrorKind;

use super::*;

/// Numbers from 0 on.
fn numbers(count: usize) -> impl Iterator<Item = String> + Send {
    (0..count).map(|number| number.to_string())
}

#[test]
fn datagrams_that_come_together_are_taken_in_their_order() {
    in_namespace(async || {
        let scene = Scene::joined().await;
        for [from, to, _] in FAMILIES {
            let asker = ask_all(&scene.peer, from, (to, PORT), numbers(100));
            let port = asker.local_addr().unwrap().port();
            for number in numbers(100) {
                let (text, datagram) = scene.next();
                assert_eq!((&text, datagram.length), (&number, number.len()));
                let sender = (datagram.from.ip(), datagram.from.port());
                assert_eq!(sender, (addr(from), port));
                assert_eq!((datagram.to, datagram.device), (addr(to), scene.device));
            }
        }
    });
}

#[test]
fn what_is_too_long_is_dropped_from_among_others() {
    in_namespace(async || {
        let scene = Scene::of(5).await;
        let texts = ["first", "a long one", "next", "another long one", "last"];
        for [from, _, to] in FAMILIES {
            ask_all(&scene.peer, from, (to, PORT), texts.map(str::to_owned));
            let heard = [(); 3].map(|()| scene.next().0);
            assert_eq!(heard, ["first", "next", "last"]);
        }
        assert!(scene.hears_nothing());
    });
}

// RFC 4795 2.5: R7, R9
#[test]
fn answers_that_leave_together_have_each_its_own_source_and_asker_and_ttl_255() {
    in_namespace(async || {
        let scene = Scene::joined().await;
        ip("addr add 10.0.0.77/24 dev v0");
        ip("addr add 2001:db8::77/64 dev v0 nodad");
        for (group, ways) in [
            (
                "224.0.0.252",
                [
                    ("10.0.0.2", "10.0.0.1"),
                    ("10.0.0.2", "10.0.0.77"),
                    ("10.0.0.2", "10.0.0.1"),
                ],
            ),
            (
                "ff02::1:3",
                [
                    ("fe80::2", "fe80::1"),
                    ("2001:db8::2", "2001:db8::77"),
                    ("2001:db8::2", "2001:db8::1"),
                ],
            ),
        ] {
            let mut outbox = Outbox::default();
            let mut askers = Vec::new();
            for (number, (from, source)) in ways.into_iter().enumerate() {
                let asker = ask(&scene.peer, from, group, "query");
                tell_ttl(&asker);
                let to = scene.next().1.from;
                let answer = format!("answer {number}");
                outbox.push(answer.as_bytes(), to, addr(source), scene.device, number);
                askers.push((asker, answer, source));
            }
            let told = scene.send(group, &mut outbox);
            assert_eq!(told, [0, 1, 2].map(|number| (number, Ok(()))));
            for (asker, answer, source) in askers {
                let (text, from, ttl) = scene.peer.run(move || receive_with_ttl(&asker));
                let from = (from.ip(), from.port());
                assert_eq!((text, from, ttl), (answer, (addr(source), PORT), 255));
            }
            assert!(scene.send(group, &mut outbox).is_empty());
        }
    });
}

#[test]
fn many_answers_to_one_asker_arrive_one_by_one() {
    in_namespace(async || {
        let scene = Scene::joined().await;
        for [from, to, source] in FAMILIES {
            let asker = ask(&scene.peer, from, to, "query");
            let to = scene.next().1.from;
            // Some are longer than the link takes and go in fragments.
            let lengths = [40, 40, 40, 2000, 2000, 60, 60, 40].into_iter();
            let sent: Vec<_> = (lengths.chain([50; 90]).enumerate())
                .map(|(number, length)| vec![number as u8; length])
                .collect();
            let mut outbox = Outbox::default();
            for (number, answer) in sent.iter().enumerate() {
                outbox.push(answer, to, addr(source), scene.device, number);
            }
            let told = scene.send(from, &mut outbox);
            let expected = (0..sent.len()).map(|number| (number, Ok(())));
            assert_eq!(told, Vec::from_iter(expected));
            assert_eq!(answers(&scene.peer, &asker, sent.len()), sent);
        }
    });
}

#[test]
fn an_answer_that_cannot_be_sent_takes_no_other_with_it() {
    in_namespace(async || {
        let scene = Scene::joined().await;
        let [from, to, good] = FAMILIES[0];
        let asker = ask(&scene.peer, from, to, "query");
        let to = scene.next().1.from;
        let sources = "10.0.0.1 10.0.0.99 10.0.0.99 10.0.0.99 10.0.0.1 10.0.0.1 fe80::1 10.0.0.1 10.0.0.99 fe80::1";
        let sources: Vec<&str> = sources.split(' ').collect();
        let mut outbox = Outbox::default();
        for (number, source) in sources.iter().enumerate() {
            let answer = number.to_string();
            outbox.push(answer.as_bytes(), to, addr(source), scene.device, number);
        }
        let told = scene.send(from, &mut outbox);
        let told = told.iter().map(|(mark, sent)| (*mark, sent.is_ok()));
        let is_good = sources.iter().map(|source| *source == good);
        assert_eq!(Vec::from_iter(told), Vec::from_iter(is_good.enumerate()));
        let heard = answers(&scene.peer, &asker, 4);
        assert_eq!(heard, ["0", "4", "5", "7"].map(|text| text.as_bytes()));
    });
}

#[test]
fn what_has_no_room_in_the_kernel_is_lost_and_told_one_by_one() {
    in_namespace(async || {
        let scene = Scene::new().await;
        let socket = SockRef::from(&*scene.groups.ipv4);
        socket.set_send_buffer_size(1).unwrap();
        let mut outbox = Outbox::default();
        for number in 0..40 {
            // Nobody is there: they wait for his hardware address.
            let to = SocketAddr::from(([10, 0, 0, 200], 4000 + number as u16));
            outbox.push(&[0; 1000], to, addr("10.0.0.1"), scene.device, number);
        }
        let told = scene.send("10.0.0.1", &mut outbox);
        let marks: Vec<usize> = told.iter().map(|(mark, _)| *mark).collect();
        assert_eq!(marks, Vec::from_iter(0..40));
        let lost = told
            .iter()
            .filter(|(_, sent)| *sent == Err(ErrorKind::WouldBlock));
        assert!(told[0].1.is_ok() && lost.count() > 20, "{told:?}");
    });
}
