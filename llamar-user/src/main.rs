//! `llamar`: an LLMNR and ARP responder with an XDP fast path, and its tools.

use std::process::ExitCode;

fn main() -> ExitCode {
    llamar_user::cli::main()
}
