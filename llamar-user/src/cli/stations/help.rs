//! What the help of `llamar arp watch` and `llamar nd watch` says behind their options.

use super::Speech;

/// The kinds of news, each with what it means.
const NEWS: &str = "\
new          a station that was not known
new-address  another address of a station that is known
changed      another station has the address now
flip-flop    the station before has it again
reused       one that had it long ago has it again
duplicate    two stations have it at the same time, or somebody has one of ours
back         heard again after 30 days of silence
mismatch     the packet tells of another station than its frame is from
bogon        an address that does not belong on this link
no-station   a hardware address of a group, or of nobody
many         a station with more than 32 new addresses within a day
scan         a station that asks for 64 addresses or more within 10 seconds";

/// How to read what is told, whatever protocol it is heard by.
const READING: &str = "The word router stands behind what concerns the address of one. With --json there is an object for \
each, with `event`, `time`, `interface`, `vlan`, `ip`, `mac`, `vendor`, `how`, `router`, and what else there is to say, times \
in seconds. 32768 addresses are known at most; made-up ones push out none that has been known for ten minutes.

Exit codes: 0 ended by a signal, --count or --timeout, or the capture is read; 2 wrong usage or failure.";

/// All of it.
pub fn help(speech: Speech) -> String {
    let (listens, silent) = match speech {
        Speech::Arp => (
            "Listens, and sends nothing.",
            "Probes tell no address, and are no news.",
        ),
        Speech::Ndp => (
            "Listens, and sends nothing. Solicitations go to groups: the interface takes those to all of them, but a switch \
             that follows who is a member does not pass all of them on; announcements to all nodes are heard anyway.",
            "Solicitations from the unspecified address tell none, and are no news.",
        ),
    };
    format!(
        "{listens} Prints a line for each news: the time, the interface, what it is, and a sentence.\n\n{NEWS}\n\n{silent} \
         {READING}"
    )
}
