//! Memory that one transfer used and the next one finds: one arena of the C library.
//!
//! glibc gives nearly each thread an arena of its own, and freed memory stays in the one it came
//! from. What an upload needed on one thread is then no use to a download on another, and the process
//! keeps both. One arena serves as fast here, and the bounds of ARCHITECTURE's table are those of the
//! process. glibc reads this from the environment when a program begins, so the program begins again.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

const VARIABLE: &str = "MALLOC_ARENA_MAX";

/// Has this program run with one arena, unless the environment says how many: the same process, with
/// the same arguments, from its beginning. Where that cannot be, it goes on as it is. To be called
/// before anything else is done.
pub(crate) fn limit() {
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
        .env(VARIABLE, "1")
        .exec();
}
