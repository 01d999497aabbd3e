//! Bounded access to one Ethernet frame, in the kernel and on any host.

use crate::abi::Plain;
use crate::wire::{le32, le64, put};

/// Largest offset that a frame's content may decide.
pub const OFFSET_MAX: usize = 255;

/// One frame, readable and writable through windows of fixed size.
///
/// A window borrows the frame, so none outlives a resize. Offsets count from the first byte of the frame.
pub trait Frame {
    /// Length of the frame in bytes.
    fn length(&self) -> usize;

    /// The `N` bytes at a constant offset; `None` if the frame ends before them.
    fn window<const N: usize>(&self, at: usize) -> Option<&[u8; N]>;

    /// The `N` bytes at an offset that the frame's content decides; at most
    /// [`OFFSET_MAX`].
    fn window_at<const N: usize>(&self, at: usize) -> Option<&[u8; N]>;

    /// The `N` bytes at a constant offset and a length that the frame's content decides, if the frame ends with them.
    #[inline(always)]
    fn last_behind<const N: usize>(&self, at: usize, length: u8) -> Option<&[u8; N]> {
        let at = at + length as usize;
        let window = self.window_at(at)?;
        (self.length() == at + N).then_some(window)
    }

    /// The same for writing, wherever the frame ends.
    #[inline(always)]
    fn window_behind_mut<const N: usize>(&mut self, at: usize, length: u8) -> Option<&mut [u8; N]> {
        self.window_at_mut(at + length as usize)
    }

    /// Like [`window`](Self::window), for writing.
    fn window_mut<const N: usize>(&mut self, at: usize) -> Option<&mut [u8; N]>;

    /// Like [`window_at`](Self::window_at), for writing.
    fn window_at_mut<const N: usize>(&mut self, at: usize) -> Option<&mut [u8; N]>;

    /// Adds `by` bytes of any content in front of the frame. `false` if there is no room: then nothing changed.
    fn grow_head(&mut self, by: usize) -> bool;

    /// Adds `by` bytes of any content behind the frame. `false` if there is no room: then nothing changed.
    fn grow_tail(&mut self, by: usize) -> bool;

    /// Finds the frame anew, where it already is.
    ///
    /// In the kernel the verifier then forgets how far it saw each path reach into the frame, which would keep it
    /// from taking two paths for one.
    #[inline(always)]
    fn renew(&mut self) {}

    /// A number and a constant added up here, and neither before nor after.
    #[inline(always)]
    fn added<const CONSTANT: i32>(number: u64) -> u64 {
        number.wrapping_add(CONSTANT as u64)
    }

    /// Four bytes at a constant offset of a value, little-endian, read here and not where several paths meet.
    #[inline(always)]
    fn field32<T: Plain, const AT: usize>(of: &T) -> u32 {
        le32(of.bytes(), AT)
    }

    /// The same of eight bytes.
    #[inline(always)]
    fn field64<T: Plain, const AT: usize>(of: &T) -> u64 {
        le64(of.bytes(), AT)
    }

    /// Writes a constant of two bytes, little-endian, to `BASE` and `AT` bytes into a window, in one instruction.
    #[inline(always)]
    fn put16<const BASE: usize, const AT: usize, const NUMBER: u16>(window: &mut [u8]) {
        put(window, BASE + AT, NUMBER.to_le_bytes());
    }

    /// The same of four bytes.
    #[inline(always)]
    fn put32<const BASE: usize, const AT: usize, const NUMBER: u32>(window: &mut [u8]) {
        put(window, BASE + AT, NUMBER.to_le_bytes());
    }

    /// The same of eight bytes, of which the upper four are what a signed number of four is extended by.
    #[inline(always)]
    fn put64<const BASE: usize, const AT: usize, const NUMBER: i32>(window: &mut [u8]) {
        put(window, BASE + AT, i64::from(NUMBER).to_le_bytes());
    }

    /// Whether a word has any bit of a mask below 2^31, in one instruction.
    #[inline(always)]
    fn any<const MASK: u32>(word: u64) -> bool {
        word & u64::from(MASK) != 0
    }

    /// A word that is shifted to the right, by a number of bits modulo 64.
    #[inline(always)]
    fn shifted(word: u64, by: usize) -> u64 {
        word >> (by % u64::BITS as usize)
    }

    /// The lower half of a word, in one instruction.
    #[inline(always)]
    fn lower(word: u64) -> u64 {
        word & 0xffff_ffff
    }

    /// The same number, of which the optimiser knows nothing.
    ///
    /// Keeps it from turning an array of equal words into a call of `memset`, which is a loop over bytes in BPF.
    #[inline(always)]
    fn opaque(number: u64) -> u64 {
        number
    }
}

/// A frame in a buffer with room in front of it and behind it.
#[derive(Debug)]
pub struct SliceFrame<'a> {
    buffer: &'a mut [u8],
    head: usize,
    end: usize,
}

impl<'a> SliceFrame<'a> {
    /// The frame that begins `headroom` bytes into `buffer` and ends where it ends.
    ///
    /// # Panics
    /// If `headroom` is larger than the buffer.
    pub fn new(buffer: &'a mut [u8], headroom: usize) -> Self {
        Self::with_tailroom(buffer, headroom, 0)
    }

    /// The frame that begins `headroom` bytes into `buffer` and ends `tailroom` bytes before it ends.
    ///
    /// # Panics
    /// If the buffer is smaller than the room around the frame.
    pub fn with_tailroom(buffer: &'a mut [u8], headroom: usize, tailroom: usize) -> Self {
        let length = buffer.len();
        assert!(
            headroom + tailroom <= length,
            "room for {headroom} and {tailroom} bytes in a buffer of {length}"
        );
        Self {
            buffer,
            head: headroom,
            end: length - tailroom,
        }
    }

    /// The frame's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.head..self.end]
    }
}

impl Frame for SliceFrame<'_> {
    fn length(&self) -> usize {
        self.end - self.head
    }

    fn window<const N: usize>(&self, at: usize) -> Option<&[u8; N]> {
        self.bytes().get(at..)?.first_chunk()
    }

    fn window_at<const N: usize>(&self, at: usize) -> Option<&[u8; N]> {
        self.window(at)
    }

    fn window_mut<const N: usize>(&mut self, at: usize) -> Option<&mut [u8; N]> {
        self.buffer
            .get_mut(self.head..self.end)?
            .get_mut(at..)?
            .first_chunk_mut()
    }

    fn window_at_mut<const N: usize>(&mut self, at: usize) -> Option<&mut [u8; N]> {
        self.window_mut(at)
    }

    fn grow_head(&mut self, by: usize) -> bool {
        let room = self.head >= by;
        if room {
            self.head -= by;
        }
        room
    }

    fn grow_tail(&mut self, by: usize) -> bool {
        let room = self.buffer.len() - self.end >= by;
        if room {
            self.end += by;
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_where_the_frame_ends() {
        let mut buffer = [0, 0, 1, 2, 3, 4];
        let mut frame = SliceFrame::new(&mut buffer, 2);
        assert_eq!(frame.window::<4>(0), Some(&[1, 2, 3, 4]));
        assert_eq!(frame.window::<2>(3), None);
        assert_eq!(frame.window_at::<0>(5), None);
        assert_eq!(frame.window_mut::<1>(usize::MAX), None);
    }

    #[test]
    fn tail_grows_until_the_room_is_used() {
        let mut buffer = [1, 2, 3, 4];
        let mut frame = SliceFrame::with_tailroom(&mut buffer, 1, 2);
        assert!(!frame.grow_tail(3));
        assert_eq!(frame.bytes(), [2]);
        assert_eq!(frame.window_mut::<2>(0), None);
        assert!(frame.grow_tail(2));
        assert_eq!((frame.bytes(), frame.length()), (&[2, 3, 4][..], 3));
    }

    #[test]
    fn head_grows_until_the_room_is_used() {
        let mut buffer = [9, 8, 1];
        let mut frame = SliceFrame::new(&mut buffer, 2);
        assert!(!frame.grow_head(3));
        assert_eq!(frame.bytes(), [1]);
        assert!(frame.grow_head(2));
        assert_eq!(frame.bytes(), [9, 8, 1]);
    }
}
