//! Telling others: shows what is sent.

use std::ops::ControlFlow;
use std::time::Instant;

use super::fields::{OutputArgs, PlaceArgs};
use super::place::Place;
use crate::arp::{Announcer, Announcing, Packet, Station, Told};
use crate::cli::dnssd::output;
use crate::cli::drive::{Ended, Happened, Keeper, Restart, drive};
use crate::ether::MacAddr;
use crate::report::arp::ToldRow;

/// Shows packets as they are sent.
pub struct Teller<'a> {
    /// Where they are sent.
    pub place: &'a Place,
    /// How that was told.
    pub args: &'a PlaceArgs,
    /// What is shown.
    pub output: OutputArgs,
}

impl Teller<'_> {
    /// Shows one; breaks with an error, or where nobody reads any more.
    pub fn show(
        &self,
        packet: &Packet,
        destination: MacAddr,
        number: u32,
    ) -> ControlFlow<anyhow::Result<()>> {
        let row = ToldRow::new(packet, destination, number).on(self.place.name(), self.args.vlan);
        let written = output::write(|out| match (self.output.json, self.output.quiet) {
            (true, _) => row.write_json(out),
            (false, false) => row.write_line(out),
            (false, true) => Ok(()),
        });
        match written {
            // What is to be told is told, whether or not anybody reads of it.
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(Err(error)),
        }
    }

    /// Announces addresses; with a period until a signal comes, and anew whenever the interface is up again.
    pub async fn announce(&self, how: Announcing, stations: &[Station]) -> anyhow::Result<()> {
        let endless = how.period.is_some();
        let mut announcer = Announcer::new(how);
        for station in stations {
            announcer.add(Instant::now(), *station);
        }
        let heed = |told: Told| match told {
            Told::Announced { packet, number, .. } => {
                self.show(&packet, MacAddr::BROADCAST, number)
            }
            Told::Done => ControlFlow::Continue(()),
        };
        if !endless {
            let ended = drive(&self.place.raw, &mut announcer, heed).await?;
            return ended.unwrap_or(Ok(()));
        }
        let heed = |happened: Happened<Told>| match happened {
            Happened::Event(told) => heed(told),
            Happened::LinkDown | Happened::LinkUp => ControlFlow::Continue(()),
        };
        let mut keeper = Keeper::new(&self.place.raw).await?;
        match keeper.keep(&mut announcer, None, heed).await? {
            Ended::With(result) => result,
            Ended::Interrupted | Ended::Over => Ok(()),
        }
    }
}

impl Restart for Announcer {
    fn restart(&mut self, now: Instant) {
        Announcer::restart(self, now);
    }
}
