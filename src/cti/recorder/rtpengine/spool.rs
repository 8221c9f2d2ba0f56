//! rtpengine's recording-dir: where it puts which call's captures.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::fs;

use super::scrub;

/// One capture of a call: `CALL-ID-HEX`, with the Call-ID escaped and sixteen hexadecimal digits that are new each
/// time that recording starts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Stem(String);

/// The spool, seen from one call.
#[derive(Clone, Debug)]
pub(super) struct Spool {
    root: Arc<Path>,
    /// What all of the call's stems begin with.
    prefix: Arc<str>,
}

impl Spool {
    pub fn of_call(root: &Path, call: &str) -> Self {
        Self { root: root.into(), prefix: format!("{}-", escape(call)).into() }
    }

    /// The recording-dir.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the packets of all calls are.
    pub fn pcap_folder(&self) -> PathBuf {
        self.root.join("pcaps")
    }

    /// The packets.
    pub fn pcap(&self, stem: &Stem) -> PathBuf {
        self.pcap_folder().join(format!("{}.pcap", stem.0))
    }

    /// What rtpengine keeps open while it records.
    pub fn unfinished(&self, stem: &Stem) -> PathBuf {
        self.root.join("tmp").join(format!("rtpengine-meta-{}.tmp", stem.0))
    }

    /// What rtpengine makes of it when it has closed the packets' file.
    pub fn finished(&self, stem: &Stem) -> PathBuf {
        self.root.join("metadata").join(format!("rtpengine-meta-{}.txt", stem.0))
    }

    /// All captures of the call, in the order of their names.
    ///
    /// # Errors
    /// If the folder `pcaps` cannot be read.
    pub async fn captures(&self) -> io::Result<Vec<Stem>> {
        let mut entries = fs::read_dir(self.pcap_folder()).await?;
        let mut found = Vec::new();
        while let Some(entry) = entries.next_entry().await? {
            found.extend(entry.file_name().to_str().and_then(|name| self.stem(name)));
        }
        found.sort();
        Ok(found)
    }

    fn stem(&self, file_name: &str) -> Option<Stem> {
        let stem = file_name.strip_suffix(".pcap")?;
        let number = stem.strip_prefix(&*self.prefix)?;
        let is_number = number.len() == 16 && number.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_number.then(|| Stem(stem.to_owned()))
    }

    /// How long the packets' file is on the disk, in bytes.
    ///
    /// # Errors
    /// If it is not there.
    pub async fn size(&self, stem: &Stem) -> io::Result<u64> {
        Ok(fs::metadata(self.pcap(stem)).await?.len())
    }

    /// Removes all that belongs to a capture.
    ///
    /// # Errors
    /// If something of it is there and cannot be removed.
    pub async fn remove(&self, stem: &Stem) -> io::Result<()> {
        let pcap = self.pcap(stem);
        for path in [scrub::cleaned(&pcap), pcap, self.finished(stem), self.unfinished(stem)] {
            match fs::remove_file(path).await {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A Call-ID as rtpengine writes it into file names: letters, digits and `-._~` stand for themselves.
fn escape(call: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    call.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_is_escaped_as_rtpengine_does_it() {
        assert_eq!(
            escape("ab c/d@1.2.3.4:5060;x=%y&Z~é"),
            "ab%20c%2Fd%401.2.3.4%3A5060%3Bx%3D%25y%26Z~%C3%A9"
        );
        assert_eq!(
            escape(r"!#$'()*+,<>?[\]^_`{|}"),
            "%21%23%24%27%28%29%2A%2B%2C%3C%3E%3F%5B%5C%5D%5E_%60%7B%7C%7D"
        );
        assert_eq!(escape("../../etc"), "..%2F..%2Fetc");
    }

    #[test]
    fn a_call_whose_id_begins_like_anothers_has_its_own_files() {
        let spool = Spool::of_call(Path::new("/spool"), "call");
        assert!(spool.stem("call-0123456789abcdef.pcap").is_some());
        for other in [
            "call-0123456789abcdef-0123456789abcdef.pcap",
            "call-2-0123456789abcdef.pcap",
            "call-0123456789abcde.pcap",
            "call-0123456789abcdefg.pcap",
            "call-0123456789abcdef.clean",
            "call.pcap",
        ] {
            assert_eq!(spool.stem(other), None, "{other}");
        }
    }

    #[test]
    fn the_files_of_a_capture_lie_where_rtpengine_puts_them() {
        let spool = Spool::of_call(Path::new("/spool"), "a@b");
        let stem = spool.stem("a%40b-7a390f156836eab1.pcap").unwrap();
        assert_eq!(spool.pcap(&stem), Path::new("/spool/pcaps/a%40b-7a390f156836eab1.pcap"));
        assert_eq!(
            spool.unfinished(&stem),
            Path::new("/spool/tmp/rtpengine-meta-a%40b-7a390f156836eab1.tmp")
        );
        assert_eq!(
            spool.finished(&stem),
            Path::new("/spool/metadata/rtpengine-meta-a%40b-7a390f156836eab1.txt")
        );
    }
}
