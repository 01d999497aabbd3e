//! An address that is ours: answers, and late duplicates.

use super::*;
use crate::ether::Tag;

/// A claim that has been won.
fn owner(check: Check) -> Clock<Dad> {
    owner_by(check, Rules::default())
}

fn owner_by(check: Check, rules: Rules) -> Clock<Dad> {
    let mut clock = Clock::new(|now| Dad::with(chance(1), now, check, rules));
    clock.until(ms(1500));
    assert_eq!(clock.engine.state(), State::Ours);
    clock.frames.clear();
    clock.events.clear();
    clock
}

fn after(after: After) -> Check {
    Check { after, ..check(1) }
}

// RFC 4861 7.2.4, RFC 4862 5.4.3: D3, D4
#[test]
fn who_checks_a_held_address_is_answered_to_all_nodes_and_told_of() {
    let mut clock = owner(after(After::Hold));
    clock.hear(&frame(7, 0, &detection(address(), Some([7; 6]))));
    let expected = Seen {
        ether: (mac(1), all_nodes()),
        vlan: None,
        source: address(),
        destination: ip("ff02::1"),
        kind: 136,
        flags: Some([false, false, true]),
        target: Some(address()),
        options: vec![(2, mac(1).0.to_vec())],
    };
    assert_eq!(seen(&clock.frames[0].1), expected);
    assert_eq!(clock.found(), [Event::Late(conflict(7, How::Checked))]);
}

// RFC 4861 7.2.4: D3, D4, D12
#[test]
fn who_resolves_a_held_address_is_answered_where_it_says_it_is() {
    let tag = Some(Tag::vlan(5));
    let mut clock = owner(Check {
        port: Port { mac: mac(1), tag },
        router: true,
        ..after(After::Hold)
    });
    let asked = resolution(7, ip("fe80::7"), address());
    clock.hear(&asked.to_frame(mac(8), all_nodes(), tag));
    let expected = Seen {
        ether: (mac(1), mac(7)),
        vlan: Some(5),
        source: address(),
        destination: ip("fe80::7"),
        kind: 136,
        flags: Some([true, true, true]),
        target: Some(address()),
        options: vec![(2, mac(1).0.to_vec())],
    };
    assert_eq!(seen(&clock.frames[0].1), expected);
    // Without a hardware address: where the frame came from.
    let mut bare = asked;
    if let Message::Solicitation(solicitation) = &mut bare.message {
        solicitation.source_mac = None;
    }
    clock.hear(&bare.to_frame(mac(8), mac(1), tag));
    assert_eq!(seen(&clock.frames[1].1).ether.1, mac(8));
    assert_eq!(clock.found(), []);
}

#[test]
fn no_answer_goes_to_a_group_that_somebody_gives_as_his_address() {
    let mut clock = owner(after(After::Hold));
    let mut asked = resolution(7, ip("fe80::7"), address());
    asked.source = ip("ff02::1");
    clock.hear(&frame(7, 0, &asked));
    asked.source = ip("fe80::7");
    if let Message::Solicitation(solicitation) = &mut asked.message {
        solicitation.source_mac = Some(all_nodes());
    }
    clock.hear(&frame(7, 0, &asked));
    assert_eq!(clock.frames.len(), 0);
}

#[test]
fn a_flood_of_questions_is_answered_within_bounds() {
    let answers = |rules| {
        let mut clock = owner_by(after(After::Hold), rules);
        let asked = frame(7, 0, &resolution(7, ip("fe80::7"), address()));
        for number in 0..10_000 {
            clock.until(ms(1500 + number / 10));
            clock.hear(&asked);
        }
        clock.frames.len()
    };
    assert_eq!(answers(Rules::default()), 256 + 99);
    assert_eq!(answers(Rules::without(Rule::Pace)), 10_000);
    assert_eq!(answers(Rules::without(Rule::AnswerChecks)), 0);
}

// RFC 4862 5.4.4: D14
#[test]
fn another_who_uses_the_address_later_is_told_of() {
    for after in [
        super::hold::after(After::Hold),
        super::hold::after(After::Watch),
    ] {
        let mut clock = owner(after);
        for at in 0..=25 {
            clock.until(ms(2000 + at * 1000));
            clock.hear(&frame(7, 0, &unsolicited(7, address())));
        }
        let times = |times| {
            Event::Late(Conflict {
                times,
                ..conflict(7, How::Advertised)
            })
        };
        assert_eq!(clock.found(), [times(1), times(10), times(10)]);
        assert_eq!(clock.engine.state(), State::Ours);
        assert_eq!(clock.frames.len(), 0);
    }
}

#[test]
fn who_only_watches_answers_nobody_and_who_leaves_does_not_listen() {
    let frames = [
        frame(7, 0, &detection(address(), None)),
        frame(7, 0, &resolution(7, ip("fe80::7"), address())),
        frame(7, 0, &unsolicited(7, address())),
    ];
    for (check, told) in [(after(After::Watch), 2), (after(After::Leave), 0)] {
        let mut clock = owner(check);
        for frame in &frames {
            clock.hear(frame);
        }
        assert_eq!((clock.frames.len(), clock.found().len()), (0, told));
    }
}

// RFC 4862 5.4.3, RFC 7527 4.2: D10
#[test]
fn what_comes_back_of_our_own_is_no_late_duplicate() {
    let mut clock = Clock::new(|now| Dad::new(chance(1), now, after(After::Hold)));
    clock.until(ms(1500));
    let (_, own) = clock.frames.remove(0);
    clock.events.clear();
    clock.hear(&own);
    // What the kernel of this host says for the address.
    clock.hear(&frame(1, 0, &unsolicited(1, address())));
    clock.hear(&frame(1, 0, &resolution(1, ip("fe80::1"), address())));
    assert_eq!((clock.frames.len(), clock.found()), (0, vec![]));
    // A twin with our hardware address is answered nonetheless: its nonce is another.
    clock.hear(&frame(1, 0, &detection(address(), Some([7; 6]))));
    assert_eq!(clock.frames.len(), 1);
}
