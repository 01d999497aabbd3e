//! The statements of classic BPF (linux/filter.h). A conditional jump skips 255 statements at most.

use libc::sock_filter;

/// Loads from an offset of the frame.
pub(super) fn load(size: u32, offset: u32) -> sock_filter {
    statement(libc::BPF_LD | size | libc::BPF_ABS, offset)
}

/// Loads from an offset that counts from the index register.
pub(super) fn load_indexed(size: u32, offset: u32) -> sock_filter {
    statement(libc::BPF_LD | size | libc::BPF_IND, offset)
}

/// Sets the index register.
pub(super) fn index(value: u32) -> sock_filter {
    statement(libc::BPF_LDX | libc::BPF_IMM, value)
}

/// Sets the index register to the length of the IPv4 header at an offset.
pub(super) fn index_header_length(offset: u32) -> sock_filter {
    statement(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, offset)
}

/// Keeps what was loaded in a cell, of which there are 16.
pub(super) fn keep(cell: u32) -> sock_filter {
    statement(libc::BPF_ST, cell)
}

/// Loads what was kept.
pub(super) fn kept(cell: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_MEM, cell)
}

/// Clears all other bits of what was loaded.
pub(super) fn keep_bits(bits: u32) -> sock_filter {
    statement(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, bits)
}

/// Skips `then` statements if what was loaded is `value`, else `otherwise`.
pub(super) fn equal(value: u32, then: u8, otherwise: u8) -> sock_filter {
    sock_filter {
        jt: then,
        jf: otherwise,
        ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value)
    }
}

/// Skips `then` statements if what was loaded has any of these bits, else `otherwise`.
pub(super) fn has_any(bits: u32, then: u8, otherwise: u8) -> sock_filter {
    sock_filter {
        jt: then,
        jf: otherwise,
        ..statement(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, bits)
    }
}

/// Skips any number of statements.
pub(super) fn skip(statements: usize) -> sock_filter {
    // The kernel takes programs of 4096 statements at most.
    statement(libc::BPF_JMP | libc::BPF_JA, statements as u32)
}

/// The whole frame comes in, however long it is.
pub(super) fn take() -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, u32::MAX)
}

/// The frame does not come in.
pub(super) fn drop_it() -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, 0)
}

fn statement(code: u32, value: u32) -> sock_filter {
    // Codes are below 256.
    sock_filter {
        code: code as u16,
        jt: 0,
        jf: 0,
        k: value,
    }
}
