//! `corecast cav`: opens an exported CAV file.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::{Exit, output};
use crate::media::cav::{Opened, Sealed};

/// Where the password may stand, for scripts.
const VARIABLE: &str = "CORECAST_CAV_PASSWORD";

/// Arguments of `cav`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The password of an encrypted file is taken from --password-file, else from the variable \
    CORECAST_CAV_PASSWORD, else it is asked for. It is no argument, because every user of a machine can see those."
)]
pub(super) struct Args {
    /// The CAV file
    file: PathBuf,
    /// Where its sound goes [default: FILE with .wav instead of .cav]
    #[arg(long, value_name = "FILE.wav", conflicts_with = "info")]
    out: Option<PathBuf>,
    /// Print what is known of the recording, and write nothing
    #[arg(long)]
    info: bool,
    /// A file whose only line is the password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Write over a file that is there already
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args) -> Exit {
    match open(args) {
        Ok(()) => Exit::Ok,
        Err(wrong) => {
            errln!("corecast: {wrong}");
            Exit::Failure
        }
    }
}

fn open(args: &Args) -> Result<(), String> {
    let name = args.file.display();
    let out = args.out.clone().unwrap_or_else(|| args.file.with_extension("wav"));
    if !args.info {
        check_free(&out, args.force)?;
    }
    let file = File::open(&args.file).map_err(|error| format!("{name}: {error}"))?;
    let sealed = Sealed::read(BufReader::new(file)).map_err(|error| format!("{name}: {error}"))?;
    let password = if sealed.is_encrypted() { password(args)? } else { None };
    let opened = sealed.open(password.as_deref()).map_err(|error| format!("{name}: {error}"))?;
    let about = format!("{:#}", opened.about());
    if args.info {
        output::line(about);
        return Ok(());
    }
    write(opened, &out, args)?;
    output::line(about);
    errln!("{name}: its sound is in {}", out.display());
    Ok(())
}

fn check_free(out: &Path, may_replace: bool) -> Result<(), String> {
    if out.symlink_metadata().is_ok() && !may_replace {
        return Err(format!("{} is there already: choose another name by --out, or --force", out.display()));
    }
    Ok(())
}

/// The sound into a file of another name first, which gets its own when everything has proved sound.
fn write<R: io::Read>(mut sound: Opened<R>, out: &Path, args: &Args) -> Result<(), String> {
    let part = with_suffix(out, ".part");
    let unwritable = |error: io::Error| format!("{}: {error}", part.display());
    let file = File::create_new(&part).map_err(unwritable)?;
    let written = copy(&mut sound, file)
        .map_err(|error| format!("{} into {}: {error}", args.file.display(), part.display()));
    let kept = written
        .and_then(|()| check_free(out, args.force))
        .and_then(|()| fs::rename(&part, out).map_err(|error| format!("{}: {error}", out.display())));
    kept.inspect_err(|_| drop(fs::remove_file(&part)))
}

fn copy(from: &mut impl io::Read, to: File) -> io::Result<()> {
    let mut to = BufWriter::new(to);
    io::copy(from, &mut to)?;
    to.flush()?;
    to.get_ref().sync_all()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn password(args: &Args) -> Result<Option<String>, String> {
    if let Some(path) = &args.password_file {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        return Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()));
    }
    if let Ok(password) = std::env::var(VARIABLE) {
        return Ok(Some(password));
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let name = args.file.display();
        return Err(format!("{name} is encrypted: give its password by --password-file or in {VARIABLE}"));
    }
    let terminal = console::Term::stderr();
    let asked = terminal.write_str("Password: ").and_then(|()| terminal.read_secure_line());
    asked.map(Some).map_err(|error| format!("the password could not be read: {error}"))
}
