//! What a message costs. The figures are printed; they mean something in an optimised build only.

use std::time::Instant;

use super::scene::*;
use super::view::*;
use crate::dns::{Compression, Message, kind};
use crate::mdns::{Arrival, Family};

const MESSAGES: u32 = 20_000;

/// How many messages per second a host takes that has a service and asks for some, of a kind.
fn rate(what: &str, from: &str, message: &Message) {
    let mut scene = Scene::new(1, None);
    scene.host(1, "casa.local");
    scene.wanted(0).services.push(service("Web", "casa.local"));
    scene.ask(0, "_http._tcp.local", kind::PTR);
    scene.start(ms(0));
    scene.run(secs(10));
    let arrival = Arrival {
        from: socket(from),
        to: Family::V4.group(),
    };
    let bytes = message.write(Compression::Multicast).unwrap();
    let engine = &mut scene.hosts[0].engine;
    let begin = Instant::now();
    for number in 0..MESSAGES {
        let now = scene.now + ms(number.into());
        engine.handle_timeout(now);
        engine.handle_datagram(now, ETH, &arrival, &bytes).unwrap();
        while engine.poll_transmit().is_some() {}
    }
    let per_second = f64::from(MESSAGES) / begin.elapsed().as_secs_f64();
    println!("{what}: {per_second:.0} messages/s");
}

#[test]
#[ignore = "a measurement, no test"]
fn messages_per_second() {
    let other = "10.0.0.9:5353";
    rate(
        "a query for another's name",
        other,
        &query("other.local", kind::A),
    );
    rate("a query for our name", other, &query("casa.local", kind::A));
    rate(
        "a query for our services",
        other,
        &query("_http._tcp.local", kind::PTR),
    );
    rate(
        "a query by unicast DNS",
        "10.0.0.9:40000",
        &query("casa.local", kind::A),
    );
    let a = unique(
        "other.local",
        120,
        crate::dns::Rdata::A([10, 0, 0, 9].into()),
    );
    rate("a response with one record", other, &response(vec![a]));
}
