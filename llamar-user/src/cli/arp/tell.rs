//! Telling others: shows what is sent.

use std::ops::ControlFlow;
use std::time::Instant;

use super::fields::{PlaceArgs, SourceArgs};
use super::place::Place;
use crate::arp::{Announcer, Announcing, Packet, Station, Told};
use crate::cli::drive::{self, Restart};
use crate::cli::output::OutputArgs;
use crate::ether::MacAddr;
use crate::report::arp::ToldRow;

/// Where others are told, from whom that is, and what is shown of it.
#[derive(Clone, Debug, clap::Args)]
pub struct TellArgs {
    #[command(flatten)]
    pub place: PlaceArgs,
    #[command(flatten)]
    pub source: SourceArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

impl TellArgs {
    /// How addresses are announced, as far as it is told here.
    pub fn announcing(&self, place: &Place) -> Announcing {
        Announcing {
            source: Some(self.source.ether(place.raw.mac())),
            tag: self.place.tag(),
            padding: self.source.pad,
            ..Announcing::default()
        }
    }

    /// Who shows it.
    pub fn teller<'a>(&'a self, place: &'a Place) -> Teller<'a> {
        Teller {
            place,
            args: &self.place,
            output: self.output,
        }
    }
}

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
    /// Shows one; breaks with an error.
    pub fn show(
        &self,
        packet: &Packet,
        destination: MacAddr,
        number: u32,
    ) -> ControlFlow<anyhow::Result<()>> {
        let row = ToldRow::new(packet, destination, number).on(self.place.name(), self.args.vlan);
        self.output
            .show_told(|out| row.write_json(out), |out| row.write_line(out))
    }

    /// Announces addresses; with a period until a signal comes, and anew whenever the interface is up again.
    pub async fn announce(&self, how: Announcing, stations: &[Station]) -> anyhow::Result<()> {
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
        let raw = &self.place.raw;
        drive::tell(raw, &mut announcer, how.period.is_some(), heed).await
    }
}

impl Restart for Announcer {
    fn restart(&mut self, now: Instant) {
        Announcer::restart(self, now);
    }
}
