//! Links that give back what is sent (RFC 7527).

use super::*;

/// Has what a claim sends come back `late` after it was sent, from `begin` until `end` after the start, each frame
/// `copies` times.
struct Loop {
    late: u64,
    begin: u64,
    end: u64,
    copies: usize,
}

const ALWAYS: Loop = Loop {
    late: 3,
    begin: 0,
    end: u64::MAX,
    copies: 1,
};

impl Loop {
    fn run(&self, check: Check, rules: Rules, until: u64) -> Clock<Dad> {
        let mut clock = Clock::new(|now| Dad::with(chance(1), now, check, rules));
        let mut returned = 0;
        for at in (0..until).map(|at| at + 1) {
            clock.until(ms(at));
            while let Some((sent, frame)) = clock.frames.get(returned).cloned() {
                let looped = ms(self.begin) <= sent && sent < ms(self.end);
                if looped && ms(at) < sent + ms(self.late) {
                    break;
                }
                returned += 1;
                for _ in 0..if looped { self.copies } else { 0 } {
                    clock.hear(&frame);
                }
            }
        }
        clock
    }
}

fn solicitations(clock: &mut Clock<Dad>) -> Vec<u128> {
    let packets = clock.packets().into_iter();
    let sent = packets.filter(|(.., packet)| matches!(packet.message, Message::Solicitation(_)));
    sent.map(|(at, ..)| at.as_millis()).collect()
}

// RFC 7527 4.1, 4.2, RFC 4862 5.4.3: D8, D10
#[test]
fn a_looped_link_alone_is_no_duplicate_and_is_asked_on_as_long_as_it_loops() {
    for late in [0, 3, 700, 2500] {
        let looped = Loop { late, ..ALWAYS };
        let mut clock = looped.run(check(1), Rules::default(), 60_000);
        if late < 1000 {
            assert_eq!(clock.engine.state(), State::Tentative);
            assert_eq!(solicitations(&mut clock).len(), 60);
        } else {
            // What comes back later than RetransTimer says nothing about the round that is over.
            assert_eq!(clock.engine.state(), State::Ours);
        }
        let looped = |event: &&Event| matches!(event, Event::Looped { .. });
        let events = clock.found();
        let duplicate = |event: &Event| matches!(event, Event::Duplicate(_) | Event::Late(_));
        assert!(!events.iter().any(duplicate));
        assert_eq!(events.iter().any(|event| looped(&event)), late < 1000);
    }
    let clock = ALWAYS.run(check(1), Rules::without(Rule::KnowOwnNonces), 60_000);
    assert_eq!(clock.engine.state(), State::Lost);
}

// RFC 7527 4.1: D8
#[test]
fn a_loop_is_followed_by_three_more_solicitations_and_the_address_is_ours_when_it_ends() {
    let short = Loop { end: 500, ..ALWAYS };
    let mut clock = short.run(check(1), Rules::default(), 10_000);
    assert_eq!(solicitations(&mut clock), [10, 1010, 2010, 3010]);
    assert_eq!(clock.events.last(), Some(&(ms(4010), Event::Unique)));
    let longer = Loop {
        end: 3500,
        ..ALWAYS
    };
    let mut clock = longer.run(check(1), Rules::default(), 10_000);
    let expected = [10, 1010, 2010, 3010, 4010, 5010, 6010];
    assert_eq!(solicitations(&mut clock), expected);
    assert_eq!(clock.events.last(), Some(&(ms(7010), Event::Unique)));
    let without = Rules::without(Rule::AskOnAfterLoop);
    let mut clock = short.run(check(1), without, 10_000);
    assert_eq!(solicitations(&mut clock), [10]);
}

// RFC 7527 4.1: D8
#[test]
fn probing_a_loop_can_be_ended_by_the_caller_or_by_a_limit() {
    let mut clock = ALWAYS.run(check(1), Rules::default(), 20_000);
    clock.engine.settle(clock.now);
    clock.drain();
    assert_eq!(clock.engine.state(), State::Ours);
    assert_eq!(
        clock.events.last().map(|(_, event)| event),
        Some(&Event::Unique)
    );
    let check = Check {
        loops: Some(2),
        ..check(1)
    };
    let mut clock = ALWAYS.run(check, Rules::default(), 20_000);
    assert_eq!(solicitations(&mut clock).len(), 1 + 2 * 3);
    assert_eq!(clock.engine.state(), State::Ours);
}

#[test]
fn what_does_not_loop_is_not_settled() {
    let mut clock = clock(check(1));
    clock.until(ms(500));
    clock.engine.settle(clock.now);
    assert_eq!(clock.engine.state(), State::Tentative);
}

// RFC 7527 4.2: D8
#[test]
fn a_genuine_duplicate_is_noticed_on_a_looped_link_too() {
    let mut clock = ALWAYS.run(check(1), Rules::default(), 5_500);
    clock.hear(&frame(7, 0, &detection(address(), Some([7; 6]))));
    assert_eq!(clock.engine.state(), State::Lost);
    let duplicate = Event::Duplicate(conflict(7, How::Checked));
    assert_eq!(
        clock.events.last().map(|(_, event)| event),
        Some(&duplicate)
    );
}

// RFC 7527 4.2: D8
#[test]
fn a_storm_of_copies_is_counted_and_told_of_once_a_second() {
    let storm = Loop {
        copies: 1000,
        ..ALWAYS
    };
    let mut clock = storm.run(check(1), Rules::default(), 10_500);
    let told: Vec<u64> = clock
        .found()
        .iter()
        .filter_map(|event| match event {
            Event::Looped { total } => Some(*total),
            _ => None,
        })
        .collect();
    let expected: Vec<u64> = (0..told.len() as u64)
        .map(|round| round * 1000 + 1)
        .collect();
    assert_eq!(told, expected);
    assert_eq!(told.len(), 11);
    let clock = storm.run(check(1), Rules::without(Rule::Pace), 500);
    assert!(clock.events.len() > 1000);
}

// RFC 4862 5.4.3: D10, D19
#[test]
fn without_nonces_as_many_may_come_back_as_went_out() {
    let plain = |transmits| Check {
        nonces: false,
        transmits,
        ..check(1)
    };
    let mut clock = ALWAYS.run(plain(2), Rules::default(), 10_000);
    assert_eq!(clock.engine.state(), State::Ours);
    let nonces: Vec<_> = clock
        .packets()
        .iter()
        .map(|(.., packet)| nonce(packet))
        .collect();
    assert_eq!(nonces, [None, None]);
    // One more than the loop explains is another's, with our hardware address.
    let twice = Loop {
        copies: 2,
        ..ALWAYS
    };
    let clock = twice.run(plain(1), Rules::default(), 10_000);
    assert_eq!(clock.engine.state(), State::Lost);
    // With nonces all copies are known for what they are.
    let clock = twice.run(check(1), Rules::default(), 10_000);
    assert_eq!(clock.engine.state(), State::Tentative);
}

// RFC 7527 4.2: D8
#[test]
fn a_twin_with_our_hardware_address_is_told_from_a_loop_by_its_nonce() {
    for nonce in [None, Some([7; 6])] {
        let mut clock = clock(check(1));
        clock.until(ms(500));
        clock.hear(&frame(1, 0, &detection(address(), nonce)));
        assert_eq!(clock.engine.state(), State::Lost);
    }
}
