//! What every object holds besides its programs: the panic handler and the licence.

#![expect(unsafe_code, reason = "the loader finds the licence by its section")]

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
