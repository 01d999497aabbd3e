//! Writes pcap files (draft-ietf-opsawg-pcap) of Ethernet frames.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

/// How a file begins that tells nanoseconds.
const MAGIC: u32 = 0xa1b2_3c4d;
/// Version 2.4, as every file has.
const VERSION: u32 = 2 | 4 << 16;
/// Link type of Ethernet.
const ETHERNET: u32 = 1;

/// A file in the making. Each frame is handed on whole and at once, so that the file is whole at any time.
#[derive(Debug)]
pub struct PcapWriter<W> {
    out: W,
    record: Vec<u8>,
}

impl<W: Write> PcapWriter<W> {
    /// Begins a file whose frames have so many bytes at most.
    pub fn new(mut out: W, frame_max: u32) -> io::Result<Self> {
        let header = [MAGIC, VERSION, 0, 0, frame_max, ETHERNET];
        let header: Vec<u8> = header.into_iter().flat_map(u32::to_le_bytes).collect();
        out.write_all(&header)?;
        out.flush()?;
        let record = Vec::new();
        Ok(Self { out, record })
    }

    /// Adds a frame, of which so many bytes are missing at its end.
    pub fn write(&mut self, at: SystemTime, frame: &[u8], missing: usize) -> io::Result<()> {
        let at = at
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let length = frame.len();
        // The format's seconds are those of 32 bits, up to 2106.
        let head = [
            at.as_secs() as u32,
            at.subsec_nanos(),
            length as u32,
            (length + missing) as u32,
        ];
        self.record.clear();
        self.record
            .extend(head.into_iter().flat_map(u32::to_le_bytes));
        self.record.extend(frame);
        self.out.write_all(&self.record)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::super::frames::Frames;
    use super::super::{Skip, Skipped};
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let mut file = Vec::new();
        let at = Duration::new(1_700_000_000, 123_456_789);
        let mut writer = PcapWriter::new(&mut file, 262_144).unwrap();
        writer
            .write(SystemTime::UNIX_EPOCH + at, b"first frame", 0)
            .unwrap();
        writer.write(SystemTime::UNIX_EPOCH, b"cut", 5).unwrap();
        let mut frames = Frames::new(io::Cursor::new(file));
        let mut skipped = Skipped::default();
        let first = frames.next(&mut skipped).unwrap().unwrap();
        assert_eq!(
            (first.at, &first.data[..], first.link),
            (at, &b"first frame"[..], 1)
        );
        assert!(!first.truncated);
        let second = frames.next(&mut skipped).unwrap().unwrap();
        assert_eq!((second.at, &second.data[..]), (Duration::ZERO, &b"cut"[..]));
        assert!(second.truncated && frames.next(&mut skipped).unwrap().is_none());
        assert_eq!(skipped.count(Skip::Malformed), 0);
    }

    #[test]
    fn each_frame_is_one_write() {
        struct Counted(Vec<usize>);
        impl Write for Counted {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.push(bytes.len());
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut counted = Counted(Vec::new());
        let mut writer = PcapWriter::new(&mut counted, 100).unwrap();
        writer.write(SystemTime::now(), &[0; 60], 0).unwrap();
        assert_eq!(counted.0, [24, 76]);
    }
}
