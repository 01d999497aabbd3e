//! Marks: numbers in the programs in whose place the loader writes what only it knows, before the kernel sees them.
//!
//! A mark is the operand of an instruction that loads 64 bits. It becomes the address of a map's value, which a program
//! then reaches without a look-up, or a number, which the verifier knows.

/// What is written in the place of a mark.
#[derive(Clone, Copy)]
pub enum Written {
    /// The address of the one value of an array, by the map's descriptor.
    Address(i32),
    /// A number.
    Number(u64),
}

/// The mark for the buckets of the index.
pub const INDEX: u64 = mark(1);
/// The mark for the IPv6 addresses of the index.
pub const INDEX6: u64 = mark(2);
/// The mark for the offset of the last bucket of either.
pub const INDEX_LAST: u64 = mark(3);

/// No other number of a program looks like one, least of all another layout's.
const fn mark(number: u64) -> u64 {
    const LLAMAR: u64 = 0x7261_6d61 << 32;
    LLAMAR | (super::LAYOUT_VERSION as u64) << 8 | number
}

/// `BPF_LD | BPF_IMM | BPF_DW`: loads the 64 bits of its own operand and of the next instruction's.
const LOAD: u8 = 0x18;
/// `BPF_PSEUDO_MAP_VALUE`, in the upper half of the byte that names the registers.
const MAP_VALUE: u8 = 2 << 4;

/// Writes where the maps of the index are, by their descriptors, and the offset of their last bucket into an object; whether
/// it has places for all of that.
pub fn write_index(object: &mut [u8], [buckets, addresses]: [i32; 2], last: u64) -> bool {
    let places = [
        write(object, INDEX, Written::Address(buckets)),
        write(object, INDEX6, Written::Address(addresses)),
        write(object, INDEX_LAST, Written::Number(last)),
    ];
    !places.contains(&0)
}

/// Writes something in all places of a mark in an object; how many there were.
pub fn write(object: &mut [u8], mark: u64, written: Written) -> usize {
    let [a, b, c, d, e, f, g, h] = mark.to_le_bytes();
    let mut places = 0;
    for at in 0..object.len().saturating_sub(15) {
        let [LOAD, registers, 0, 0, operand @ ..] = &object[at..at + 16] else {
            continue;
        };
        if registers & 0xf0 != 0 || *operand != [a, b, c, d, 0, 0, 0, 0, e, f, g, h] {
            continue;
        }
        let (low, high) = match written {
            Written::Address(descriptor) => {
                object[at + 1] |= MAP_VALUE;
                (descriptor as u32, 0)
            }
            Written::Number(number) => (number as u32, (number >> 32) as u32),
        };
        object[at + 4..at + 8].copy_from_slice(&low.to_le_bytes());
        object[at + 12..at + 16].copy_from_slice(&high.to_le_bytes());
        places += 1;
    }
    places
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    /// `r3 = operand ll`
    fn load(operand: u64) -> [u8; 16] {
        let mut code = [0; 16];
        code[..2].copy_from_slice(&[LOAD, 3]);
        code[4..8].copy_from_slice(&(operand as u32).to_le_bytes());
        code[12..].copy_from_slice(&((operand >> 32) as u32).to_le_bytes());
        code
    }

    fn object(operands: &[u64]) -> Vec<u8> {
        // Nothing says where the code begins.
        let code = operands.iter().flat_map(|&operand| load(operand));
        [0x7f, b'E', b'L'].into_iter().chain(code).collect()
    }

    #[test]
    fn a_number_is_written_in_every_place_of_its_mark_and_in_no_other() {
        let mut code = object(&[INDEX_LAST, INDEX, INDEX_LAST, 5]);
        let number = 0x1122_3344_5566_7788;
        assert_eq!(write(&mut code, INDEX_LAST, Written::Number(number)), 2);
        assert_eq!(code, object(&[number, INDEX, number, 5]));
        assert_eq!(write(&mut code, INDEX_LAST, Written::Number(number)), 0);
    }

    #[test]
    fn an_address_is_told_by_the_descriptor_of_its_map() {
        let mut code = load(INDEX6);
        assert_eq!(write(&mut code, INDEX6, Written::Address(9)), 1);
        let mut expected = load(9);
        expected[1] |= MAP_VALUE;
        assert_eq!(code, expected);
    }

    #[test]
    fn what_is_no_such_instruction_is_left_alone() {
        let mut other = load(INDEX);
        other[0] = 0xb7;
        let mut found = load(INDEX);
        found[1] |= MAP_VALUE;
        for bytes in [&other[..], &found, &load(INDEX)[..15], &[]] {
            let mut object = bytes.to_vec();
            assert_eq!(write(&mut object, INDEX, Written::Number(1)), 0);
            assert_eq!(object, bytes);
        }
    }
}
