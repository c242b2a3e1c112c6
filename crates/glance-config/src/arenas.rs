//! Memory that one request used and the next one finds: few arenas of the C library.
//!
//! glibc gives nearly each thread an arena of its own, and freed memory stays in the one it came
//! from. What an upload, or a long answer, needed on one thread is then no use to a request on another,
//! and the process keeps both. glibc reads how many there may be from the environment when a program
//! begins, so the program begins again.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

const VARIABLE: &str = "MALLOC_ARENA_MAX";

/// Has this program run with so many arenas, unless the environment says how many: the same process,
/// with the same arguments, from its beginning. Where that cannot be, it goes on as it is. To be called
/// before anything else is done.
pub fn limit(arenas: usize) {
    if env::var_os(VARIABLE).is_some() {
        return;
    }
    let (Ok(program), Some(name)) = (env::current_exe(), env::args_os().next()) else {
        return;
    };
    // Only returns with an error: a program whose file was replaced at this moment, perhaps.
    let _ = Command::new(program)
        .arg0(name)
        .args(env::args_os().skip(1))
        .env(VARIABLE, arenas.to_string())
        .exec();
}
