//! How a daemon tells whoever started it that it listens.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The environment variable that names the file to announce in.
pub const VARIABLE: &str = "GLANCE_READY_FILE";

/// The environment variable by which whoever started the daemon asks it to let go of standard error
/// once it serves: until then it is read for the reason of a failure.
pub const DETACH: &str = "GLANCE_READY_DETACH";

/// What an announcement consists of.
pub const WORD: &str = "ready\n";

/// Says that this process is ready to serve, by putting [`WORD`] into the file that [`VARIABLE`]
/// names. Without that variable there is nobody to tell. The file appears at once and whole.
/// With [`DETACH`], standard error goes nowhere from then on.
///
/// # Errors
///
/// The file cannot be written, or standard error not be let go of. The daemon itself is none the
/// worse for it.
pub fn announce() -> io::Result<()> {
    let Some(path) = env::var_os(VARIABLE) else {
        return Ok(());
    };
    if env::var_os(DETACH).is_some() {
        let nowhere = fs::OpenOptions::new().write(true).open("/dev/null")?;
        rustix::stdio::dup2_stderr(nowhere)?;
    }
    announce_in(&PathBuf::from(path))
}

fn announce_in(path: &Path) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, WORD)?;
    fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announces_in_one_step() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ready");
        announce_in(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), WORD);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
